// A static program of some size that ends at once.
package main

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 5 {
		http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{}
		http.ListenAndServe(os.Args[1], nil)
		json.NewEncoder(os.Stdout).Encode(os.Args)
	}
}
