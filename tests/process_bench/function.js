// A function as many are: each request reads a file, asks a service, and answers in JSON.
// Arguments: a file, the port of the service. Prints its process id and its port.
const { createHash } = require("crypto");
const { promises: fs } = require("fs");
const { createServer } = require("http");
const net = require("net");

const [file, port] = process.argv.slice(2);

const ask = () => new Promise((done, failed) => {
    let length = 0;
    const service = net.connect(Number(port), "127.0.0.1", () => service.write("?"));
    service.on("data", data => length += data.length).on("end", () => done(length));
    service.on("error", failed);
});

createServer(async (request, response) => {
    const [text, length] = await Promise.all([fs.readFile(file), ask()]);
    const hash = createHash("sha256").update(text).digest("hex");
    const body = JSON.stringify({ hash, length, path: request.url });
    response.setHeader("content-length", body.length);
    response.end(body);
}).listen(0, "127.0.0.1", function () {
    console.log(`ready ${process.pid} ${this.address().port}`);
});
