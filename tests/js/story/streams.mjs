import { all, assert, events, refused, until } from "./helpers.mjs";

const QUESTION = { messages: [{ role: "user", content: "1 + 3?" }] };
const names = (parts) => parts.map((part) => part.event.replace(/:[^|]*/g, ""));
const of = (parts, event) => parts.filter((part) => part.event === event).map((part) => part.data);

async function thread(client) {
  return (await client.threads.create()).thread_id;
}

export default {
  "values, if nothing is asked for": async ({ client }) => {
    let created;
    const input = { foo: "a" };
    for (const streamMode of [undefined, [], "values"]) {
      const threadId = await thread(client);
      const onRunCreated = (ids) => (created = ids);
      const parts = await all(
        client.runs.stream(threadId, "echo", { input, streamMode, onRunCreated }),
      );
      assert.deepEqual(events(parts), ["metadata", "values", "values", "values"]);
      assert.deepEqual(created, { run_id: parts[0].data.run_id, thread_id: threadId });
      assert.ok(parts.every((part) => part.id === undefined));
      assert.equal(parts.at(-1).data.foo, "a!");
    }
  },

  "every mode": async ({ client }) => {
    const streamMode = [
      "values", "updates", "custom", "debug", "tasks", "checkpoints", "messages-tuple", "events",
    ];
    const parts = await all(client.runs.stream(null, "chat", { input: QUESTION, streamMode }));
    assert.equal(parts[0].event, "metadata");
    assert.ok("tools" in of(parts, "updates")[1]);
    assert.equal(of(parts, "values").at(-1).messages.length, 4);
    assert.deepEqual(
      [...new Set(of(parts, "debug").map((record) => record.type))].sort(),
      ["checkpoint", "task", "task_result"],
    );
    assert.ok(of(parts, "tasks").some((task) => task.name === "model" && "input" in task));
    assert.ok(of(parts, "checkpoints").every((state) => state.config.configurable.checkpoint_id));
    const words = of(parts, "messages")
      .filter(([chunk, metadata]) => chunk.type === "AIMessageChunk" && metadata.langgraph_node)
      .map(([chunk]) => chunk.content);
    assert.equal(words.join(""), "the answer is 4");
    const kinds = new Set(of(parts, "events").map((record) => record.event));
    assert.ok(kinds.has("on_chat_model_stream") && kinds.has("on_chain_start"));
    const custom = await all(
      client.runs.stream(null, "emit", { input: { count: 2 }, streamMode: "custom" }),
    );
    assert.deepEqual(of(custom, "custom"), [{ n: 0 }, { n: 1 }]);
  },

  "messages that grow": async ({ client }) => {
    const streamMode = "messages";
    const parts = await all(client.runs.stream(null, "chat", { input: QUESTION, streamMode }));
    assert.deepEqual(new Set(events(parts)), new Set([
      "metadata", "messages/metadata", "messages/partial", "messages/complete",
    ]));
    const [last] = of(parts, "messages/partial").at(-1);
    assert.equal(last.content, "the answer is 4");
  },

  "tools and subgraphs": async ({ client }) => {
    const tools = { input: QUESTION, streamMode: "tools" };
    const used = of(await all(client.runs.stream(null, "chat", tools)), "tools");
    assert.deepEqual(used.map((each) => each.event), ["on_tool_start", "on_tool_end"]);
    assert.ok(used.every((each) => each.name === "add" && each.toolCallId === "call-1"));
    const lifecycle = { input: {}, streamMode: "lifecycle" };
    const told = await all(client.runs.stream(null, "nested", lifecycle));
    assert.deepEqual(
      told.slice(1).map((part) => [part.event.replace(/:[^|]*/g, ""), part.data.event]),
      [
        ["lifecycle|child", "started"],
        ["lifecycle|child|below", "started"],
        ["lifecycle|child|below", "completed"],
        ["lifecycle|child", "completed"],
      ],
    );
  },

  "modes that there are not": async ({ client }) => {
    const stream = client.runs.stream(null, "echo", { input: {}, streamMode: "nothing" });
    await refused(all(stream), 422, /stream_mode/);
  },

  "subgraphs": async ({ client }) => {
    const options = { input: {}, streamMode: "updates" };
    const root = await all(client.runs.stream(null, "nested", options));
    assert.deepEqual(names(root), ["metadata", "updates", "updates"]);
    const whole = await all(
      client.runs.stream(null, "nested", { ...options, streamSubgraphs: true }),
    );
    assert.deepEqual(names(whole), [
      "metadata",
      "updates",
      "updates|child",
      "updates|child|below",
      "updates|child",
      "updates",
    ]);
  },

  "chosen namespaces": async ({ client, living }) => {
    if (!living) return;
    const options = { input: {}, streamMode: "updates", streamSubgraphs: true };
    const seen = async (streamNamespaces) =>
      names(await all(client.runs.stream(null, "nested", { ...options, streamNamespaces })));
    assert.deepEqual(await seen(["child|below"]), ["metadata", "updates|child|below"]);
    assert.deepEqual(await seen(["child"]), [
      "metadata", "updates|child", "updates|child|below", "updates|child",
    ]);
    assert.equal((await seen([""])).length, 6);
    const threadId = await thread(client);
    const created = { ...options, streamResumable: true };
    const { run_id } = await client.runs.create(threadId, "nested", created);
    await client.runs.join(threadId, run_id);
    const joined = await all(
      client.runs.joinStream(threadId, run_id, {
        lastEventId: "-1",
        streamNamespaces: ["child|below"],
      }),
    );
    assert.deepEqual(names(joined), ["metadata", "updates|child|below"]);
  },

  "coming back to a stream": async ({ client }) => {
    const threadId = await thread(client);
    let created;
    const whole = await all(
      client.runs.stream(threadId, "emit", {
        input: { count: 3 },
        streamMode: ["custom", "values"],
        streamResumable: true,
        onRunCreated: (ids) => (created = ids),
      }),
    );
    assert.ok(whole.every((part) => part.id));
    const { run_id } = created;
    const join = async (options) => all(client.runs.joinStream(threadId, run_id, options));
    assert.deepEqual(await join({ lastEventId: "-1" }), whole);
    assert.deepEqual(await join({ lastEventId: whole[2].id }), whole.slice(3));
    assert.deepEqual(await join(), []);
    const custom = await join({ lastEventId: "-1", streamMode: ["custom"] });
    assert.deepEqual(events(custom), ["metadata", "custom", "custom", "custom"]);
    const both = await join({ lastEventId: "-1", streamMode: ["custom", "values"] });
    assert.deepEqual(both, whole);
  },

  "coming back to a state that is known": async ({ client, living }) => {
    if (!living) return;
    const threadId = await thread(client);
    const fields = { input: { foo: "a" }, streamMode: ["updates", "values"], streamResumable: true };
    const { run_id } = await client.runs.create(threadId, "echo", fields);
    await client.runs.join(threadId, run_id);
    const join = async (options) => all(client.runs.joinStream(threadId, run_id, options));
    const whole = await join({ lastEventId: "-1" });
    assert.deepEqual(events(whole), [
      "metadata", "values", "updates", "values", "updates", "values",
    ]);
    const states = await client.threads.getHistory(threadId);
    for (const [state, rest] of [[states[0], 0], [states[1], 2], [states[2], 4], [states[3], 5]]) {
      const { checkpoint_id: checkpointId } = state.checkpoint;
      const seen = await join({ lastEventId: "-1", checkpointId });
      assert.deepEqual(seen, rest ? whole.slice(-rest) : [], `step ${state.metadata.step}`);
    }
    const other = states[0].checkpoint.checkpoint_id.replace(/^./, (c) => (c === "0" ? "1" : "0"));
    assert.deepEqual(await join({ lastEventId: "-1", checkpointId: other }), whole);
    const { checkpoint_id: checkpointId } = states[0].checkpoint;
    assert.deepEqual(await join({ lastEventId: whole[3].id, checkpointId }), whole.slice(4));
  },

  "a stateless run is joined by its id": async ({ client }) => {
    const input = { count: 5000, every: 0.02 };
    const fields = { input, streamMode: "custom", streamResumable: true };
    const { run_id } = await client.runs.create(null, "emit", fields);
    const abort = new AbortController();
    const options = { lastEventId: "-1", cancelOnDisconnect: true, signal: abort.signal };
    const stream = client.runs.joinStream(null, run_id, options);
    const parts = await until(stream, (part) => part.data.n === 2);
    abort.abort();
    assert.deepEqual(events(parts), ["metadata", "custom", "custom", "custom"]);
  },

  "joining what runs": async ({ client }) => {
    const threadId = await thread(client);
    const fields = { input: { count: 10, every: 0.02 }, streamMode: ["custom", "values"] };
    const { run_id } = await client.runs.create(threadId, "emit", fields);
    const stream = client.runs.joinStream(threadId, run_id, { streamMode: "custom" });
    const parts = await until(stream, (part) => part.data.n === 9);
    assert.ok(!events(parts).includes("values"));
  },

  "a stream that is idle": async ({ client, living }) => {
    if (!living) return;
    for (const streamIdleReconnect of ["auto", 0, 60_000]) {
      const options = { input: { foo: "a" }, streamIdleReconnect };
      assert.equal((await all(client.runs.stream(null, "echo", options))).length, 4);
    }
  },
};
