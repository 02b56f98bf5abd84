/** Serves predictions on this machine: node examples/fastify/server.mjs MODEL [PORT] */
import fastify from "fastify";
import predictPlugin from "./predict-plugin.mjs";

const [model, port = "8080"] = process.argv.slice(2);
// A large model may take longer to open than the ten seconds that Fastify allows a plug-in.
const app = fastify({ logger: { level: "warn" }, pluginTimeout: 0 });
await app.register(predictPlugin, { model });
console.log(`listening on ${await app.listen({ port: Number(port), host: "127.0.0.1" })}`);
process.once("SIGTERM", () => void app.close());
