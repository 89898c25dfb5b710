// Speaks in every format with OpenAI's client for JavaScript, whole and as a stream, and prints what it met as JSON.
// Usage: node speak.mjs BASE_URL FOLDER
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import OpenAI from "openai";

const [baseURL, folder] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const request = { model: "tones", voice: "default", input: "Good morning. One, two, three." };

const formats = {};
for (const format of ["mp3", "opus", "aac", "flac", "wav", "pcm"]) {
  const whole = await client.audio.speech.create({ ...request, response_format: format });
  const content = Buffer.from(await whole.arrayBuffer());
  await writeFile(join(folder, `whole.${format}`), content);
  const streamed = await client.audio.speech.create({ ...request, response_format: format });
  const chunks = [];
  for await (const chunk of streamed.body) chunks.push(chunk);
  await writeFile(join(folder, `streamed.${format}`), Buffer.concat(chunks));
  formats[format] = { type: whole.headers.get("content-type"), bytes: content.length };
}

const models = (await client.models.list()).data.map((model) => model.id);

const refusals = {};
for (const [name, change] of Object.entries({ empty: { input: " " }, speed: { speed: 9 }, model: { model: "other" } })) {
  try {
    await client.audio.speech.create({ ...request, ...change });
    refusals[name] = "was not refused";
  } catch (error) {
    refusals[name] = { kind: error.constructor.name, status: error.status, param: error.param };
  }
}

console.log(JSON.stringify({ formats, models, refusals }));
