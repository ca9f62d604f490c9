// 200 threads that allocate, read, connect and start programs while the heap is collected all the
// time. Arguments: what to print when all went well, host, port, a file to read.
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicInteger;

class Load {
    static final AtomicInteger done = new AtomicInteger();
    // What is written here the compiler cannot leave out.
    static volatile byte[] garbage;

    public static void main(String[] a) throws Exception {
        var threads = new ArrayList<Thread>();
        for (int i = 0; i < 200; i++) {
            int number = i;
            var thread = new Thread(() -> {
                try {
                    work(number, a);
                    done.incrementAndGet();
                } catch (Throwable error) {
                    error.printStackTrace();
                }
            });
            thread.start();
            threads.add(thread);
        }
        var collector = new Thread(() -> {
            while (true) {
                System.gc();
                try {
                    Thread.sleep(20);
                } catch (InterruptedException end) {
                    return;
                }
            }
        });
        collector.setDaemon(true);
        collector.start();
        for (var thread : threads) thread.join();
        if (done.get() != 200) throw new AssertionError(done.get() + " of 200");
        System.out.println(a[0]);
    }

    static void work(int number, String[] a) throws Exception {
        var kept = new ArrayList<byte[]>();
        for (int round = 0; round < 15; round++) {
            for (int n = 0; n < 20; n++) garbage = new byte[8000];
            kept.add(new byte[2000]);
            if (Files.readAllBytes(Path.of(a[3])).length == 0) throw new AssertionError("empty");
            if (round % 5 == number % 5) {
                try (var s = new Socket(a[1], Integer.parseInt(a[2]))) {
                    s.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
                    if (!new String(s.getInputStream().readAllBytes()).contains(a[0]))
                        throw new AssertionError("another answer");
                }
            }
            if (round == 7 && number % 40 == 0) {
                var p = new ProcessBuilder("/bin/true").start();
                if (p.waitFor() != 0) throw new AssertionError("a child failed");
            }
        }
    }
}
