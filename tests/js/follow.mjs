// Streams one run for each name, all at once, and prints what it has seen:
//   node follow.mjs ENVIRONMENT '{"url", "names", "graph", "run"}'
// ENVIRONMENT is the folder whose node_modules holds the SDK.
import { createRequire } from "node:module";

const [environment, order] = process.argv.slice(2);
const { Client } = createRequire(`${environment}/`)("sdk-1.15.0");
const { url, names, graph, run } = JSON.parse(order);

async function follow(name) {
  const client = new Client({ apiUrl: url, defaultHeaders: { "x-stream": name } });
  const { thread_id } = await client.threads.create();
  let created;
  const parts = [];
  const stream = client.runs.stream(thread_id, graph, {
    ...run,
    onRunCreated: (ids) => (created = ids),
  });
  for await (const part of stream) parts.push([part.id ?? null, part.event, part.data]);
  return [`/threads/${thread_id}/runs/${created.run_id}`, parts];
}

const seen = await Promise.all(names.map(follow));
process.stdout.write(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, seen[i]]))));
