package main

// The Runtime API with nothing but Go's standard library, in place of AWS's client
// (github.com/aws/aws-lambda-go), so that the example builds without fetching anything. For a
// function of your own take AWS's: `lambda.Start`.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

func serve(handle func([]byte) (response, error)) error {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	// An event may be hours away: the client has no timeout.
	client := &http.Client{}
	for {
		next, err := client.Get(base + "next")
		if err != nil {
			return err
		}
		event, err := io.ReadAll(next.Body)
		next.Body.Close()
		if err != nil {
			return err
		}
		if next.StatusCode != http.StatusOK {
			return fmt.Errorf("the Runtime API answered %s", next.Status)
		}
		address, body := base+next.Header.Get("Lambda-Runtime-Aws-Request-Id"), []byte(nil)
		answer, err := handle(event)
		if err == nil {
			address += "/response"
			body, err = json.Marshal(answer)
		} else {
			address += "/error"
			failure := map[string]string{"errorType": "Error", "errorMessage": err.Error()}
			body, err = json.Marshal(failure)
		}
		if err != nil {
			return err
		}
		sent, err := client.Post(address, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		io.Copy(io.Discard, sent.Body)
		sent.Body.Close()
	}
}
