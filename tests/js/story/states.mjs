import { after, assert, refused, UNKNOWN } from "./helpers.mjs";

const interrupts = (state) => state.tasks.flatMap((task) => task.interrupts);

export default {
  "the latest state, and one at a checkpoint": async ({ client }) => {
    const thread = await after(client, "echo", { foo: "a" });
    const latest = await client.threads.getState(thread);
    assert.deepEqual(latest.values, { foo: "a!", log: ["e1", "e2"] });
    assert.deepEqual([latest.next, latest.tasks], [[], []]);
    const { checkpoint_id } = latest.parent_checkpoint;
    const byId = await client.threads.getState(thread, checkpoint_id);
    assert.deepEqual(byId.next, ["e2"]);
    const byCheckpoint = await client.threads.getState(thread, latest.parent_checkpoint);
    assert.deepEqual(byCheckpoint, byId);
    await refused(client.threads.getState(thread, UNKNOWN), 404, /checkpoint/i);
  },

  "an empty thread has no checkpoint": async ({ client }) => {
    const { thread_id } = await client.threads.create();
    const state = await client.threads.getState(thread_id);
    assert.equal(state.checkpoint, null);
    assert.deepEqual([state.values, state.next, state.tasks], [{}, [], []]);
  },

  "states of subgraphs": async ({ client }) => {
    const thread = await after(client, "ask_nested", { foo: "a" });
    const plain = await client.threads.getState(thread);
    assert.equal(plain.tasks[0].state, null);
    const { checkpoint } = plain.tasks[0];
    assert.match(checkpoint.checkpoint_ns, /^inner:/);
    const whole = await client.threads.getState(thread, undefined, { subgraphs: true });
    assert.deepEqual(whole.tasks[0].state.next, ["asker"]);
    assert.deepEqual(interrupts(whole).map((each) => each.value), [{ q: "name?" }]);
    const inner = await client.threads.getState(thread, checkpoint);
    assert.deepEqual(inner.next, ["asker"]);
    const deep = await client.threads.getState(thread, plain.checkpoint, { subgraphs: true });
    assert.deepEqual(deep.tasks[0].state.next, ["asker"]);
  },

  "chosen keys": async ({ client, living }) => {
    if (!living) return;
    const thread = await after(client, "echo", { foo: "a" });
    const select = ["values.foo", "next"];
    const wanted = { values: { foo: "a!" }, next: [] };
    const latest = await client.threads.getState(thread, undefined, { select });
    assert.deepEqual(latest, wanted);
    const [{ checkpoint, next }] = await client.threads.getHistory(thread);
    assert.deepEqual(next, []);
    const there = await client.threads.getState(thread, checkpoint, { select });
    assert.deepEqual(there, wanted);
    const byId = await client.threads.getState(thread, checkpoint.checkpoint_id, { select });
    assert.deepEqual(byId, wanted);
    const [newest] = await client.threads.getHistory(thread, { limit: 1, select });
    assert.deepEqual(newest, wanted);
  },

  "updating": async ({ client }) => {
    const thread = await after(client, "echo", { foo: "a" });
    const update = { values: { foo: "b", log: ["me"] }, asNode: "e1" };
    const updated = await client.threads.updateState(thread, update);
    assert.equal(updated.configurable.thread_id, thread);
    const state = await client.threads.getState(thread);
    assert.equal(state.checkpoint.checkpoint_id, updated.configurable.checkpoint_id);
    assert.deepEqual(state.values, { foo: "b", log: ["e1", "e2", "me"] });
    assert.deepEqual(state.next, ["e2"]);
  },

  "updating at a past checkpoint": async ({ client }) => {
    const thread = await after(client, "echo", { foo: "a" });
    const { parent_checkpoint: past } = await client.threads.getState(thread);
    for (const place of [{ checkpoint: past }, { checkpointId: past.checkpoint_id }]) {
      await client.threads.updateState(thread, { values: { log: ["x"] }, asNode: "e2", ...place });
      const state = await client.threads.getState(thread);
      assert.deepEqual(state.values, { foo: "a", log: ["e1", "x"] });
      assert.equal(state.parent_checkpoint.checkpoint_id, past.checkpoint_id);
    }
  },

  "patching the metadata": async ({ client }) => {
    const thread = await after(client, "echo", { foo: "a" });
    await client.threads.patchState(thread, { seen: "yes" });
    assert.equal((await client.threads.getState(thread)).metadata.seen, "yes");
    assert.equal((await client.threads.get(thread)).metadata.seen, "yes");
    const config = { configurable: { thread_id: thread } };
    await client.threads.patchState(config, { seen: "twice", other: 1 });
    const { metadata } = await client.threads.get(thread);
    assert.deepEqual([metadata.seen, metadata.other], ["twice", 1]);
    assert.equal((await client.threads.getState(thread)).metadata.step, 2);
  },

  "the history": async ({ client }) => {
    const thread = await after(client, "echo", { foo: "a" });
    const states = await client.threads.getHistory(thread);
    assert.deepEqual(states.map((each) => each.next[0]), [undefined, "e2", "e1", "__start__"]);
    const ids = (list) => list.map((each) => each.checkpoint.checkpoint_id);
    assert.deepEqual(ids(states), ids(states).sort().reverse());
    const [, second, third] = states;
    assert.deepEqual(ids(await client.threads.getHistory(thread, { limit: 2 })), ids(states.slice(0, 2)));
    const before = { configurable: { checkpoint_id: second.checkpoint.checkpoint_id } };
    assert.deepEqual(
      ids(await client.threads.getHistory(thread, { before, limit: 1 })),
      ids([third]),
    );
    const inputs = await client.threads.getHistory(thread, { metadata: { source: "input" } });
    assert.deepEqual(inputs.map((each) => each.next), [["__start__"]]);
  },

  "the history of a subgraph": async ({ client }) => {
    const thread = await after(client, "ask_nested", { foo: "a" });
    const [{ checkpoint }] = (await client.threads.getState(thread)).tasks;
    const { checkpoint_ns } = checkpoint;
    const states = await client.threads.getHistory(thread, { checkpoint: { checkpoint_ns } });
    assert.ok(states.length > 0);
    for (const state of states) assert.equal(state.checkpoint.checkpoint_ns, checkpoint_ns);
  },
};
