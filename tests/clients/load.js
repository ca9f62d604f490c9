// Worker threads, children, files, connections and compression at a time. Arguments: what to print
// when all went well, a URL whose answer holds it, a file to read, a program that prints it.
const assert = require("assert");
const { execFile, fork, spawnSync } = require("child_process");
const { createReadStream, promises: fs } = require("fs");
const { pipeline } = require("stream/promises");
const { promisify } = require("util");
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const zlib = require("zlib");

const run = promisify(execFile);

async function work([mark, url, file, program], rounds) {
    for (let n = 0; n < rounds; n++) {
        const [text, answer, child] = await Promise.all([
            fs.readFile(file, "utf8"),
            fetch(url).then(answer => answer.text()),
            n % 4 ? { stdout: mark } : run(program),
        ]);
        assert(text.includes(mark) && answer.includes(mark) && child.stdout.includes(mark));
        const parts = [];
        await pipeline(createReadStream(file), zlib.createGzip(), zlib.createGunzip(), async all => {
            for await (const part of all) parts.push(part);
        });
        assert.equal(Buffer.concat(parts).toString(), text);
        assert.equal((await promisify(zlib.deflate)(Buffer.alloc(200000))).length < 1000, true);
        await assert.rejects(fs.readFile(file + "-that-is-not"), { code: "ENOENT" });
    }
}

async function main(words) {
    const workers = Array.from({ length: 8 }, () => new Promise((done, failed) => {
        const worker = new Worker(__filename, { workerData: words });
        worker.on("error", failed).on("exit", code => code ? failed(code) : done());
    }));
    const children = [0, 1].map(() => new Promise((done, failed) => {
        const child = fork(__filename, words, { env: { ...process.env, CHILD: "1" } });
        child.on("message", message => message === "done" && child.disconnect());
        child.on("exit", code => code ? failed(code) : done());
    }));
    await Promise.all([...workers, ...children, work(words, 8)]);
    assert.equal(spawnSync("/nowhere/at/all").error.code, "ENOENT");
    console.log(words[0]);
}

if (!isMainThread) work(workerData, 8).then(() => parentPort.postMessage("done"));
else if (process.env.CHILD) work(process.argv.slice(2), 4).then(() => process.send("done"));
else main(process.argv.slice(2));
