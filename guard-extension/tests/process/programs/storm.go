// Files, connections and children from many goroutines, while signals, collections and profiling
// interrupt them. Prints "ok".
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

func main() {
	file := os.Args[1]
	signals := make(chan os.Signal, 1000)
	signal.Notify(signals, syscall.SIGUSR1)
	profile, _ := os.Create(os.DevNull)
	pprof.StartCPUProfile(profile)
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				runtime.GC()
				time.Sleep(200 * time.Microsecond)
			}
		}
	}()
	var group sync.WaitGroup
	fail := make(chan error, 1000)
	for i := 0; i < 160; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for n := 0; n < 60; n++ {
				data, err := os.ReadFile(file)
				if err != nil || len(data) == 0 {
					fail <- fmt.Errorf("read: %v", err)
					return
				}
				garbage := make([]byte, 10000)
				_ = garbage
				if c, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Second); err == nil {
					c.Close()
				}
				if n%20 == 0 && i%8 == 0 {
					if err := exec.Command("/bin/true").Run(); err != nil {
						fail <- err
						return
					}
				}
				deep(40, file)
			}
		}(i)
	}
	group.Wait()
	close(stop)
	pprof.StopCPUProfile()
	select {
	case err := <-fail:
		fmt.Println("FAILED", err)
		os.Exit(1)
	default:
		fmt.Println("ok")
	}
}

// A call at every depth of a small stack.
func deep(n int, file string) byte {
	var room [64]byte
	room[n%64] = byte(n)
	if n == 0 {
		fd, err := syscall.Open(file, syscall.O_RDONLY, 0)
		if err == nil {
			syscall.Close(fd)
		}
		return room[0]
	}
	fd, err := syscall.Open(file, syscall.O_RDONLY, 0)
	if err == nil {
		syscall.Close(fd)
	}
	return deep(n-1, file) + room[n%64]
}
