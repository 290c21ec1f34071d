// What a web page does with `useStream` of one version of the SDK, against a live server:
//   node hook.mjs ENVIRONMENT '{"url", "sdk"}'
// Prints what became of each check: null, or why it failed.
import { createRequire } from "node:module";

import { open } from "./page.mjs";
import { outcome } from "./outcomes.mjs";
import { assert, eventually } from "./story/helpers.mjs";

const [environment, order] = process.argv.slice(2);
const { url, sdk } = JSON.parse(order);
const page = open(environment);
const require = createRequire(`${environment}/`);
const { Client } = require(`sdk-${sdk}`);
const { useStream } = require(`sdk-${sdk}/react`);

const server = new Client({ apiUrl: url });
const SLOW = { count: 2000, every: 0.05 }; // of the graph `emit`
const done = ({ isLoading, values }) => !isLoading && values && Object.keys(values).length > 0;

function use(assistantId, options = {}) {
  const ids = {};
  const app = page.mount(useStream, {
    apiUrl: url,
    assistantId,
    callerOptions: { fetch: page.fetch },
    onThreadId: (threadId) => (ids.threadId = threadId),
    onCreated: (run) => (ids.runId = run.run_id),
    ...options,
  });
  return { ...app, ids };
}

const status = ({ threadId, runId }) => async () =>
  (await server.runs.get(threadId, runId)).status;

const CHECKS = {
  "a submit, and the values as they come": async () => {
    const finished = [];
    const app = use("echo", { onFinish: (state, run) => finished.push([state, run]) });
    await app.until((_, stream) => stream);
    await app.shown.stream.submit({ foo: "a" });
    const { values } = await app.until((shown) => done(shown) && shown.values.foo === "a!");
    assert.deepEqual(values.log, ["e1", "e2"]);
    const shown = app.shown.texts.map((text) => JSON.parse(text));
    assert.ok(shown.some((each) => each.isLoading && each.values.log?.length === 1));
    assert.equal(await status(app.ids)(), "success");
    await eventually(() => finished, (list) => list.length === 1);
    const [[state, run]] = finished;
    assert.equal(run.run_id, app.ids.runId);
    assert.deepEqual(state.values, values);
    app.leave();
  },

  "messages word by word": async () => {
    const app = use("chat");
    await app.until((_, stream) => stream);
    void app.shown.stream.messages; // what is read is asked for
    const question = { type: "human", content: "1 + 3?" };
    await app.shown.stream.submit(
      { messages: [question] },
      { optimisticValues: (before) => ({ ...before, messages: [question] }) },
    );
    await app.until((shown) => done(shown) && shown.values.messages?.length === 4);
    const { messages } = app.shown.stream;
    assert.deepEqual(messages.map((each) => each.type), ["human", "ai", "tool", "ai"]);
    const seen = app.shown.texts.flatMap((text) =>
      (JSON.parse(text).values?.messages ?? []).slice(3).map((each) => each.content),
    );
    assert.ok(seen.includes("the answer is 4"));
    assert.ok(messages.every((each) => each.id));
    app.leave();
  },

  "custom events and updates": async () => {
    const heard = { custom: [], update: [] };
    const app = use("emit", {
      onCustomEvent: (data) => heard.custom.push(data.n),
      onUpdateEvent: (data) => heard.update.push(Object.keys(data)[0]),
    });
    await app.until((_, stream) => stream);
    await app.shown.stream.submit({ count: 3 });
    await app.until((it) => done(it) && it.values.emitted === 3);
    assert.deepEqual(heard, { custom: [0, 1, 2], update: ["emitter"] });
    app.leave();
  },

  "what a tool does": async () => {
    const app = use("chat");
    await app.until((_, stream) => stream);
    if (!("toolProgress" in app.shown.stream)) return app.leave(); // of the older hook
    void app.shown.stream.toolProgress; // what is read is asked for
    await app.shown.stream.submit({ messages: [{ type: "human", content: "1 + 3?" }] });
    await app.until((_, stream) => stream.toolProgress[0]?.state === "completed");
    const [{ name, toolCallId }] = app.shown.stream.toolProgress;
    assert.deepEqual([name, toolCallId], ["add", "call-1"]);
    app.leave();
  },

  "a question, and its answer": async () => {
    const app = use("ask", { fetchStateHistory: true });
    await app.until((_, stream) => stream);
    await app.shown.stream.submit({ foo: "a" });
    const shown = await app.until((it) => !it.isLoading && it.asks);
    assert.deepEqual(shown.asks, { q: "name?" });
    await app.shown.stream.submit(undefined, { command: { resume: "ann" } });
    const { values, asks } = await app.until((it) => !it.isLoading && it.values.answers.length);
    assert.deepEqual([values.answers, values.log], [["ann"], ["before", "asker", "after"]]);
    assert.equal(asks, null);
    app.leave();
  },

  "a question that waits for whoever opens the page": async () => {
    const { thread_id: threadId } = await server.threads.create();
    await server.runs.wait(threadId, "ask", { input: { foo: "a" } });
    const app = use("ask", { threadId });
    const { asks, values } = await app.until((it) => it.asks);
    assert.deepEqual([asks, values.log], [{ q: "name?" }, ["before"]]);
    app.leave();
  },

  "a failure": async () => {
    const errors = [];
    const app = use("fails", { onError: (error) => errors.push(error) });
    await app.until((_, stream) => stream);
    await app.shown.stream.submit({ kind: "value" });
    const { error } = await app.until((it) => !it.isLoading && it.error);
    assert.match(error, /boom happened/);
    assert.equal(errors.length, 1);
    app.leave();
  },

  "stop ends the run": async () => {
    for (const reconnectOnMount of [false, true]) {
      const app = use("emit", { reconnectOnMount, onCustomEvent() {} });
      await app.until((_, stream) => stream);
      const submitted = app.shown.stream.submit(SLOW);
      await eventually(() => app.ids.runId, Boolean);
      await eventually(status(app.ids), (it) => it === "running");
      await app.until((_, stream) => stream.isLoading);
      await app.shown.stream.stop();
      await submitted;
      await eventually(status(app.ids), (it) => it === "interrupted");
      await app.until((it) => !it.isLoading);
      app.leave();
    }
  },

  "a page that is opened again goes on with its run": async () => {
    const heard = [[], []];
    const listen = (n) => ({
      reconnectOnMount: true,
      onCustomEvent: (data) => heard[n].push(data.n),
    });
    const first = use("emit", listen(0));
    await first.until((_, stream) => stream);
    void first.shown.stream.submit({ count: 20, every: 0.05 });
    await eventually(() => heard[0], (list) => list.length >= 3);
    first.leave();
    const { threadId, runId } = first.ids;
    assert.equal(page.window.sessionStorage.getItem(`lg:stream:${threadId}`), runId);
    const second = use("emit", { ...listen(1), threadId });
    await second.until((it) => done(it) && it.values.emitted === 20);
    assert.deepEqual(heard[1], [...Array(20).keys()]);
    assert.equal(await status(first.ids)(), "success");
    assert.equal(page.window.sessionStorage.getItem(`lg:stream:${threadId}`), null);
    second.leave();
  },

  "joining somebody else's run": async () => {
    const { thread_id: threadId } = await server.threads.create();
    const run = await server.runs.create(threadId, "emit", {
      input: { count: 10, every: 0.05 },
      streamMode: ["custom", "values"],
      streamResumable: true,
    });
    const heard = [];
    const app = use("emit", { threadId, onCustomEvent: (data) => heard.push(data.n) });
    await app.until((_, stream) => stream);
    await app.shown.stream.joinStream(run.run_id);
    await app.until((it) => done(it) && it.values.emitted === 10);
    assert.deepEqual(heard, [...Array(10).keys()]);
    app.leave();
  },

  "another answer from the same place": async () => {
    const app = use("echo", { fetchStateHistory: true });
    await app.until((_, stream) => stream);
    await app.shown.stream.submit({ foo: "a" });
    await app.until((it, stream) => done(it) && stream.history.length === 4);
    const { history } = app.shown.stream;
    const { checkpoint } = history.find((state) => state.next[0] === "e2");
    await app.shown.stream.submit(null, { checkpoint });
    await app.until((it, stream) => done(it) && stream.history.length === 5);
    const { experimental_branchTree: tree, history: newer } = app.shown.stream;
    const { type, items } = tree.items.at(-1);
    assert.deepEqual([type, items.length], ["fork", 2]);
    assert.deepEqual(newer.at(-1).values, { foo: "a!", log: ["e1", "e2"] });
    app.leave();
  },
};

const names = Object.keys(CHECKS);
const outcomes = await Promise.all(names.map((name) => outcome(() => CHECKS[name]())));
const results = Object.fromEntries(names.map((name, i) => [name, outcomes[i]]));
process.stdout.write(JSON.stringify(results), () => process.exit(0));
