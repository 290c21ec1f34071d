// The story of one version of the SDK against a live server, chapter by chapter:
//   node story.mjs ENVIRONMENT '{"url", "sdk"}'
// ENVIRONMENT is the folder whose node_modules holds the SDK. Prints what became of each check
// (null, or why it failed) and which methods of the SDK's clients were never called.
import { createRequire } from "node:module";

import { outcome } from "./outcomes.mjs";
import assistants from "./story/assistants.mjs";
import crons from "./story/crons.mjs";
import runs from "./story/runs.mjs";
import states from "./story/states.mjs";
import store from "./story/store.mjs";
import streams from "./story/streams.mjs";
import threads from "./story/threads.mjs";

const CHAPTERS = { assistants, threads, states, runs, streams, crons, store };
// Speaks the event protocol, not the API that this story is about.
const LEFT_OUT = new Set(["threads.stream"]);

const [environment, order] = process.argv.slice(2);
const { url, sdk } = JSON.parse(order);
const { Client } = createRequire(`${environment}/`)(`sdk-${sdk}`);
const client = new Client({ apiUrl: url });

const told = { client, living: sdk === "1.15.0" };

const called = new Set();
const methods = [];
for (const part of ["assistants", "threads", "runs", "crons", "store"]) {
  const prototype = Object.getPrototypeOf(client[part]);
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === "constructor") continue;
    const method = prototype[name];
    methods.push(`${part}.${name}`);
    prototype[name] = function (...given) {
      called.add(`${part}.${name}`);
      return method.apply(this, given);
    };
  }
}

const results = {};
for (const [chapter, checks] of Object.entries(CHAPTERS)) {
  const names = Object.keys(checks);
  const outcomes = await Promise.all(names.map((name) => outcome(() => checks[name](told))));
  results[chapter] = Object.fromEntries(names.map((name, i) => [name, outcomes[i]]));
}
const untold = methods.filter((name) => !called.has(name) && !LEFT_OUT.has(name));
process.stdout.write(JSON.stringify({ results, methods, untold }), () => process.exit(0));
