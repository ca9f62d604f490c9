// A streaming function, with AWS's Node.js client: as many chunks as the event asks for.
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  console.log("HANDLED " + JSON.stringify(event).slice(0, 60));
  stream.setContentType("text/plain");
  for (let n = 0; n < (event.chunks ?? 1); n++) {
    stream.write(`${n}: ` + "lorem ipsum ".repeat(1000) + "\n");
    // Let each go out by itself.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (event.leak) {
    stream.write(process.env.DB_PASSWORD.slice(0, 7));
    await new Promise((resolve) => setTimeout(resolve, 20));
    stream.write(process.env.DB_PASSWORD.slice(7));
  }
  stream.end();
});
