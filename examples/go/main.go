// Signed download links behind a function URL: GET /link?file=NAME answers a path that a download
// service accepts for ten minutes.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

const validFor = 600

type request struct {
	RawPath               string            `json:"rawPath"`
	QueryStringParameters map[string]string `json:"queryStringParameters"`
	RequestContext        struct {
		TimeEpoch int64 `json:"timeEpoch"`
	} `json:"requestContext"`
}

type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

func answer(status int, body any) (response, error) {
	text, err := json.Marshal(body)
	headers := map[string]string{"content-type": "application/json"}
	return response{StatusCode: status, Headers: headers, Body: string(text)}, err
}

func handle(event []byte) (response, error) {
	var request request
	if err := json.Unmarshal(event, &request); err != nil {
		return response{}, err
	}
	file := request.QueryStringParameters["file"]
	if request.RawPath != "/link" || file == "" || strings.HasPrefix(file, "/") {
		return answer(404, map[string]string{"message": "there is no such file"})
	}
	key := os.Getenv("LINK_KEY")
	if key == "" {
		return response{}, errors.New("LINK_KEY is not set")
	}
	until := request.RequestContext.TimeEpoch/1000 + validFor
	link := fmt.Sprintf("/download/%s?until=%d", url.PathEscape(file), until)
	sum := hmac.New(sha256.New, []byte(key))
	sum.Write([]byte(link))
	signature := hex.EncodeToString(sum.Sum(nil))[:32]
	return answer(200, map[string]string{"link": link + "&signature=" + signature})
}

func main() {
	if err := serve(handle); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
