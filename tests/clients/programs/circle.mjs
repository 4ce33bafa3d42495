// The official Node client goes the whole circle: `node circle.mjs URL ROWS.jsonl NODE_MODULES`.
// Prints one JSON object of what it got.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [url, rows, modules] = process.argv.slice(2);
const require = createRequire(path.join(modules, "here.js"));
const { OpenAI } = require("openai");
const { version } = JSON.parse(fs.readFileSync(path.join(modules, "openai", "package.json"), "utf8"));

const client = new OpenAI({ baseURL: url, apiKey: "none" });
const file = await client.files.create({ file: fs.createReadStream(rows), purpose: "fine-tune" });
let job = await client.fineTuning.jobs.create({
  model: "text-embedding-3-small",
  training_file: file.id,
  suffix: "node",
  method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 1 } } },
});
while (!["succeeded", "failed", "cancelled"].includes(job.status)) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  job = await client.fineTuning.jobs.retrieve(job.id);
}
const events = [];
for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 3 })) events.push(event.id);
const models = [];
for await (const model of client.models.list()) models.push(model.id);
const texts = ["red1 cat2", "dog3 sun4 rain5"];
const answer = await client.embeddings.create({ model: job.fine_tuned_model, input: texts });
const plain = await client.embeddings.create({ model: job.id, input: texts, encoding_format: "float" });
let refused = "";
try {
  await client.embeddings.create({ model: "none", input: "x" });
} catch (error) {
  refused = error.code;
}
const content = await (await client.files.content(file.id)).text();
console.log(
  JSON.stringify({
    versions: { openai: version, node: process.versions.node },
    status: job.status,
    tuned: job.fine_tuned_model,
    results: job.result_files.length,
    events: events.length,
    distinct: new Set(events).size,
    listed: models.includes(job.fine_tuned_model),
    vectors: answer.data.map((entry) => Array.from(entry.embedding)),
    plain: plain.data.map((entry) => entry.embedding),
    same: content === fs.readFileSync(rows, "utf8"),
    refused,
  }),
);
