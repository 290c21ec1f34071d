import { after, assert, events, eventually, all, randomUUID, refused, until, UNKNOWN } from "./helpers.mjs";

const LONG = { input: { count: 2000, every: 0.05 } }; // of the graph `ticker`
const status = (client, thread, run) => async () => (await client.runs.get(thread, run)).status;

async function thread(client) {
  return (await client.threads.create()).thread_id;
}

export default {
  "in the background": async ({ client }) => {
    const threadId = await thread(client);
    let created;
    const run = await client.runs.create(threadId, "context", {
      input: {},
      config: { tags: ["t"], configurable: { color: "red" } },
      metadata: { m: 1 },
      feedbackKeys: ["nobody"],
      streamMode: ["values", "custom"],
      streamSubgraphs: true,
      streamResumable: true,
      durability: "sync",
      onRunCreated: (ids) => (created = ids),
    });
    assert.deepEqual(created, { run_id: run.run_id, thread_id: threadId });
    assert.deepEqual([run.thread_id, run.metadata.m], [threadId, 1]);
    assert.deepEqual(run.kwargs.stream_mode, ["values", "custom"]);
    const { seen } = await client.runs.join(threadId, run.run_id);
    assert.deepEqual([seen.configurable.color, seen.tags, seen.metadata.m], ["red", ["t"], 1]);
    const stored = await client.runs.get(threadId, run.run_id);
    assert.equal(stored.status, "success");
  },

  "with a context": async ({ client }) => {
    const options = { input: {}, context: { model: "m9" } };
    const { seen } = await client.runs.wait(null, "context", options);
    assert.equal(seen.model, "m9");
  },

  "stateless": async ({ client, living }) => {
    let created;
    const options = { input: { foo: "a" }, onCompletion: "keep" };
    const values = await client.runs.wait(null, "echo", {
      ...options,
      onRunCreated: (ids) => (created = ids),
    });
    assert.equal(values.foo, "a!");
    assert.ok(created.run_id);
    if (living) {
      const run = await client.runs.create(null, "echo", options);
      assert.equal((await client.runs.join(run.thread_id, run.run_id)).foo, "a!");
      assert.equal((await client.threads.get(run.thread_id)).status, "idle");
    }
    const gone = await client.runs.create(null, "echo", { input: { foo: "a" } });
    await eventually(
      () => client.threads.search({ ids: [gone.thread_id], metadata: {} }),
      (found) => !found.some((each) => each.thread_id === gone.thread_id),
    );
  },

  "a failure is raised, unless it is wanted": async ({ client }) => {
    const input = { kind: "value" };
    await assert.rejects(client.runs.wait(null, "fails", { input }), /ValueError: boom happened/);
    const result = await client.runs.wait(null, "fails", { input, raiseError: false });
    assert.deepEqual(result.__error__, { error: "ValueError", message: "boom happened" });
  },

  "breakpoints, commands and answers": async ({ client }) => {
    const threadId = await thread(client);
    const first = { input: { foo: "a" }, interruptBefore: ["e2"] };
    assert.deepEqual((await client.runs.wait(threadId, "echo", first)).log, ["e1"]);
    const rest = { input: null, interruptAfter: "*" };
    assert.deepEqual((await client.runs.wait(threadId, "echo", rest)).log, ["e1", "e2"]);
    const asked = await thread(client);
    const { __interrupt__ } = await client.runs.wait(asked, "ask", { input: { foo: "a" } });
    assert.deepEqual(__interrupt__[0].value, { q: "name?" });
    const command = { resume: "ann", update: { foo: "b" } };
    const done = await client.runs.wait(asked, "ask", { command });
    assert.deepEqual([done.answers, done.foo], [["ann"], "b"]);
    const sent = { goto: [{ node: "worker", input: { number: 3 } }] };
    const fanned = await after(client, "fanout", { width: 0 });
    const { results } = await client.runs.wait(fanned, "fanout", { command: sent });
    assert.deepEqual(results, [9]);
  },

  "strict answers": async ({ client, living }) => {
    if (!living) return;
    const threadId = await after(client, "ask", { foo: "a" });
    const command = { resume: { ["0".repeat(32)]: "x" } };
    await assert.rejects(
      client.runs.wait(threadId, "ask", { command, strictResume: true }),
      /UnknownInterruptError/,
    );
    assert.equal((await client.threads.get(threadId)).status, "interrupted");
  },

  "from a past checkpoint": async ({ client }) => {
    const threadId = await after(client, "echo", { foo: "a" });
    const { parent_checkpoint: place } = await client.threads.getState(threadId);
    await client.threads.updateState(threadId, { values: { foo: "z" } });
    const { thread_id: _, ...checkpoint } = place;
    const byCheckpoint = await client.runs.wait(threadId, "echo", { input: null, checkpoint });
    assert.equal(byCheckpoint.foo, "a!");
    const { checkpoint_id: checkpointId } = place;
    const byId = await client.runs.wait(threadId, "echo", { input: null, checkpointId });
    assert.deepEqual(byId, byCheckpoint);
  },

  "how often states are stored": async ({ client }) => {
    for (const given of [{ durability: "exit" }, { checkpointDuring: false }]) {
      const threadId = await thread(client);
      await client.runs.wait(threadId, "echo", { input: { foo: "a" }, ...given });
      assert.equal((await client.threads.getHistory(threadId)).length, 1);
    }
  },

  "threads that are not there": async ({ client }) => {
    const threadId = randomUUID();
    const input = { foo: "a" };
    await refused(client.runs.wait(threadId, "echo", { input }), 404, /not found/i);
    const made = await client.runs.wait(threadId, "echo", { input, ifNotExists: "create" });
    assert.equal(made.foo, "a!");
  },

  "after some seconds": async ({ client }) => {
    const threadId = await thread(client);
    const started = Date.now();
    await client.runs.wait(threadId, "echo", { input: { foo: "a" }, afterSeconds: 0.5 });
    assert.ok(Date.now() - started >= 500);
  },

  "several on one thread": async ({ client }) => {
    const threadId = await thread(client);
    const first = await client.runs.create(threadId, "ticker", LONG);
    const input = { count: 1 };
    const reject = { input, multitaskStrategy: "reject" };
    await refused(client.runs.create(threadId, "ticker", reject), 409, /./);
    const enqueue = { input, multitaskStrategy: "enqueue" };
    const second = await client.runs.create(threadId, "ticker", enqueue);
    assert.equal(second.status, "pending");
    const interrupt = { ...LONG, multitaskStrategy: "interrupt" };
    const third = await client.runs.create(threadId, "ticker", interrupt);
    await eventually(status(client, threadId, first.run_id), (it) => it === "interrupted");
    const rollback = { input, multitaskStrategy: "rollback" };
    const last = await client.runs.create(threadId, "ticker", rollback);
    await client.runs.join(threadId, last.run_id);
    await refused(client.runs.get(threadId, third.run_id), 404, /not found/i);
  },

  "webhooks that must not be called": async ({ client }) => {
    const options = { input: {}, webhook: "http://127.0.0.1:9/hook" };
    await refused(client.runs.create(null, "echo", options), 422, /webhook/i);
  },

  "batches": async ({ client }) => {
    const threadId = await thread(client);
    const runs = await client.runs.createBatch([
      {
        assistantId: "echo",
        input: { foo: "a" },
        streamMode: "updates",
        onCompletion: "keep",
        multitaskStrategy: "enqueue",
      },
      { assistantId: "context", input: {}, metadata: { m: 1 }, thread_id: threadId },
    ]);
    assert.equal(runs.length, 2);
    assert.deepEqual(runs[0].kwargs.stream_mode, ["updates"]);
    assert.equal((await client.runs.join(runs[0].thread_id, runs[0].run_id)).foo, "a!");
    assert.equal(runs[1].thread_id, threadId);
    const { seen } = await client.runs.join(threadId, runs[1].run_id);
    assert.equal(seen.metadata.m, 1);
  },

  "listing": async ({ client }) => {
    const threadId = await after(client, "echo", { foo: "a" });
    await client.runs.wait(threadId, "fails", { input: { kind: "value" }, raiseError: false });
    const runs = await client.runs.list(threadId);
    assert.deepEqual(runs.map((run) => run.status), ["error", "success"]);
    const [second] = await client.runs.list(threadId, { limit: 1, offset: 1 });
    assert.equal(second.run_id, runs[1].run_id);
    const [failed, ...others] = await client.runs.list(threadId, {
      status: "error",
      select: ["run_id", "status"],
    });
    assert.deepEqual([failed, others], [{ run_id: runs[0].run_id, status: "error" }, []]);
  },

  "cancelling one": async ({ client }) => {
    const threadId = await thread(client);
    const first = await client.runs.create(threadId, "ticker", LONG);
    await client.runs.cancel(threadId, first.run_id, true);
    assert.equal((await client.runs.get(threadId, first.run_id)).status, "interrupted");
    const second = await client.runs.create(threadId, "ticker", LONG);
    await client.runs.cancel(threadId, second.run_id, true, "rollback");
    await refused(client.runs.get(threadId, second.run_id), 404, /not found/i);
    const third = await client.runs.create(threadId, "ticker", LONG);
    assert.equal(await client.runs.cancel(threadId, third.run_id), undefined);
    await eventually(status(client, threadId, third.run_id), (it) => it === "interrupted");
    await refused(client.runs.cancel(threadId, third.run_id), 404, /./);
  },

  "cancelling what another run has taken over": async ({ client, living }) => {
    if (!living) return;
    const threadId = await thread(client);
    const { run_id } = await client.runs.create(threadId, "ticker", LONG);
    const taken = { reason: "taken" };
    await refused(client.runs.cancel(threadId, run_id, true, "rollback", taken), 422, /reason/);
    await client.runs.cancel(threadId, run_id, true, "interrupt", taken);
    const run = await client.runs.get(threadId, run_id);
    assert.match(run.cancel_reason, /^taken:/);
    const select = ["cancel_reason"];
    assert.deepEqual(await client.runs.list(threadId, { select }), [
      { cancel_reason: run.cancel_reason },
    ]);
    const plain = await client.runs.create(threadId, "ticker", LONG);
    await client.runs.cancel(threadId, plain.run_id, true);
    const { cancel_reason } = await client.runs.get(threadId, plain.run_id);
    assert.ok(cancel_reason && !cancel_reason.startsWith("taken:"), cancel_reason);
    const done = await client.runs.create(threadId, "echo", { input: { foo: "a" } });
    await client.runs.join(threadId, done.run_id);
    assert.equal((await client.runs.get(threadId, done.run_id)).cancel_reason, null);
  },

  "cancelling many": async ({ client }) => {
    if (!("cancelMany" in client.runs)) return;
    const threads = [await thread(client), await thread(client)];
    const runs = [];
    for (const threadId of threads) {
      const { run_id } = await client.runs.create(threadId, "ticker", LONG);
      runs.push(run_id);
    }
    const [one, two] = threads;
    await client.runs.cancelMany({ threadId: one, runIds: [runs[0]] });
    await eventually(status(client, one, runs[0]), (it) => it === "interrupted");
    assert.equal((await client.runs.get(two, runs[1])).status, "running");
    const rollback = { threadId: two, runIds: [runs[1]], action: "rollback" };
    assert.equal(await client.runs.cancelMany(rollback), undefined);
    await eventually(
      () => client.runs.list(two),
      (list) => list.length === 0,
    );
    await refused(client.runs.cancelMany({ threadId: one, runIds: [runs[0]] }), 404, /./);
    await refused(client.runs.cancelMany({}), 422, /status/);
  },

  "joining, and leaving again": async ({ client, living }) => {
    if (!living) return;
    const threadId = await thread(client);
    const { run_id } = await client.runs.create(threadId, "ticker", LONG);
    const leave = async () => {
      const options = { cancelOnDisconnect: true, signal: AbortSignal.timeout(200) };
      await client.runs.join(threadId, run_id, options).catch(() => null);
      return (await client.runs.get(threadId, run_id)).status;
    };
    await eventually(leave, (it) => it === "interrupted");
  },

  "leaving a stream": async ({ client }) => {
    for (const [onDisconnect, count, end] of [
      ["cancel", 5000, "interrupted"],
      ["continue", 20, "success"],
    ]) {
      const threadId = await thread(client);
      const abort = new AbortController();
      let created;
      const stream = client.runs.stream(threadId, "emit", {
        input: { count, every: 0.02 },
        streamMode: "custom",
        onDisconnect,
        signal: abort.signal,
        onRunCreated: (ids) => (created = ids),
      });
      for await (const part of stream) if (part.event === "custom") abort.abort();
      await eventually(status(client, threadId, created.run_id), (it) => it === end);
    }
  },

  "leaving a stream that was joined": async ({ client }) => {
    const threadId = await thread(client);
    const fields = { input: { count: 1000, every: 0.02 }, streamMode: "custom" };
    const { run_id } = await client.runs.create(threadId, "emit", fields);
    const abort = new AbortController();
    const options = { cancelOnDisconnect: true, signal: abort.signal };
    await until(client.runs.joinStream(threadId, run_id, options), (part) => part.event === "custom");
    abort.abort();
    await eventually(status(client, threadId, run_id), (it) => it === "interrupted");
  },

  "deleting": async ({ client }) => {
    const threadId = await after(client, "echo", { foo: "a" });
    const [run] = await client.runs.list(threadId);
    assert.equal(await client.runs.delete(threadId, run.run_id), undefined);
    await refused(client.runs.get(threadId, run.run_id), 404, /not found/i);
    await refused(client.runs.get(threadId, UNKNOWN), 404, /not found/i);
  },

  "events of a run that was refused": async ({ client }) => {
    const stream = client.runs.stream(null, "nobody knows it", { input: {} });
    await refused(all(stream), 422, /Invalid assistant/);
    const parts = await all(client.runs.stream(null, "fails", { input: { kind: "value" } }));
    assert.deepEqual(events(parts).at(-1), "error");
  },
};
