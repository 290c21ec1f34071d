import { after, all, assert, events, pick, randomUUID, refused, until } from "./helpers.mjs";

export default {
  "every field of a create": async ({ client }) => {
    const threadId = randomUUID();
    const fields = {
      threadId,
      metadata: { team: "blue" },
      graphId: "echo",
      supersteps: [
        { updates: [{ values: { foo: "a" }, asNode: "__input__" }] },
        { updates: [{ values: { log: ["written"] }, asNode: "e1" }] },
      ],
    };
    const thread = await client.threads.create(fields);
    assert.equal(thread.thread_id, threadId);
    assert.equal(thread.metadata.team, "blue");
    const state = await client.threads.getState(threadId);
    assert.deepEqual(state.values, { foo: "a", log: ["written"] });
    assert.deepEqual(state.next, ["e2"]);
    const done = await client.runs.wait(threadId, "echo", { input: null });
    assert.deepEqual(done, { foo: "a!", log: ["written", "e2"] });
    await refused(client.threads.create(fields), 409, /already exists/);
    const again = { threadId, metadata: { team: "red" }, ifExists: "do_nothing" };
    assert.equal((await client.threads.create(again)).metadata.team, "blue");
  },

  "superstep commands": async ({ client }) => {
    const { thread_id } = await client.threads.create({
      graphId: "echo",
      supersteps: [
        { updates: [{ values: { foo: "a" }, asNode: "__input__" }] },
        { updates: [{ command: { update: { foo: "c" }, goto: "e2" }, asNode: "e1" }] },
      ],
    });
    assert.equal((await client.threads.getState(thread_id)).values.foo, "c");
  },

  "time to live": async ({ client, living }) => {
    const minutes = async (thread) => {
      const options = living ? { include: ["ttl"] } : undefined;
      return (await client.threads.get(thread.thread_id, options)).ttl;
    };
    const short = await client.threads.create({ ttl: 5 });
    const long = await client.threads.create({ ttl: { ttl: 50, strategy: "keep_latest" } });
    const created = await client.threads.create();
    if (!living) return; // cannot ask for it
    assert.deepEqual(pick(await minutes(short), "strategy", "ttl_minutes"), {
      strategy: "delete",
      ttl_minutes: 5,
    });
    assert.deepEqual(pick(await minutes(long), "strategy", "ttl_minutes"), {
      strategy: "keep_latest",
      ttl_minutes: 50,
    });
    assert.equal((await minutes(created)) ?? null, null);
    await client.threads.update(created.thread_id, { ttl: 7 });
    assert.equal((await minutes(created)).ttl_minutes, 7);
    const plain = await client.threads.get(short.thread_id);
    assert.ok(!("ttl" in plain));
  },

  "updating": async ({ client, living }) => {
    const { thread_id } = await client.threads.create({ metadata: { a: 1, b: 1 } });
    const updated = await client.threads.update(thread_id, { metadata: { b: 2 } });
    assert.deepEqual(pick(updated.metadata, "a", "b"), { a: 1, b: 2 });
    if (!living) return;
    const minimal = { metadata: { c: 3 }, returnMinimal: true };
    assert.equal(await client.threads.update(thread_id, minimal), undefined);
    assert.equal((await client.threads.get(thread_id)).metadata.c, 3);
  },

  "copying": async ({ client }) => {
    const source = await after(client, "echo", { foo: "a" });
    const copy = await client.threads.copy(source);
    assert.notEqual(copy.thread_id, source);
    const [was, is] = await Promise.all(
      [source, copy.thread_id].map((id) => client.threads.getState(id)),
    );
    assert.deepEqual(is.values, was.values);
    assert.equal((await client.threads.getHistory(copy.thread_id)).length, 4);
    await client.runs.wait(copy.thread_id, "echo", { input: { foo: "b" } });
    assert.deepEqual((await client.threads.getState(source)).values, was.values);
  },

  "searching and counting": async ({ client, living }) => {
    const story = randomUUID();
    const ids = [];
    for (const [graph, foo] of [["echo", "a"], ["echo", "b"], ["ask", "c"]]) {
      const { thread_id } = await client.threads.create({ metadata: { story, foo } });
      await client.runs.wait(thread_id, graph, { input: { foo } });
      ids.push(thread_id);
    }
    const metadata = { story };
    const found = async (query) =>
      (await client.threads.search({
        metadata, sortBy: "created_at", sortOrder: "asc", ...query,
      })).map((thread) => ids.indexOf(thread.thread_id));
    assert.deepEqual(await found({}), [0, 1, 2]);
    assert.deepEqual(await found({ sortOrder: "desc" }), [2, 1, 0]);
    assert.deepEqual(await found({ sortBy: "status", sortOrder: "desc" }).then((r) => r[0]), 2);
    assert.deepEqual(await found({ limit: 1, offset: 1 }), [1]);
    assert.deepEqual(await found({ status: "interrupted" }), [2]);
    assert.deepEqual(await found({ values: { foo: "b!" } }), [1]);
    assert.deepEqual(await found({ metadata: { story, foo: "a" } }), [0]);
    assert.deepEqual(await found({ ids: [ids[1], ids[2]] }), [1, 2]);
    const [selected] = await client.threads.search({ metadata, select: ["thread_id", "status"] });
    assert.deepEqual(Object.keys(selected).sort(), ["status", "thread_id"]);
    if (living) {
      const [last] = await client.threads.search({
        metadata: { story, foo: "b" },
        extract: { step: "values.log[-1]" },
      });
      assert.deepEqual(last.extracted, { step: "e2" });
    }
    assert.equal(await client.threads.count({ metadata }), 3);
    assert.equal(await client.threads.count({ metadata, status: "idle" }), 2);
    assert.equal(await client.threads.count({ metadata, values: { foo: "a!" } }), 1);
  },

  "pruning": async ({ client }) => {
    if (!("prune" in client.threads)) return;
    const [gone, trimmed] = [
      await after(client, "delta", {}),
      await after(client, "delta", {}),
    ];
    assert.deepEqual(await client.threads.prune([gone]), { pruned_count: 1 });
    await refused(client.threads.get(gone), 404, /not found/i);
    const { values } = await client.threads.getState(trimmed);
    const answer = await client.threads.prune([trimmed], { strategy: "keep_latest" });
    assert.deepEqual(answer, { pruned_count: 1 });
    assert.equal((await client.threads.getHistory(trimmed)).length, 1);
    assert.deepEqual((await client.threads.getState(trimmed)).values, values);
  },

  "deleting": async ({ client }) => {
    const { thread_id } = await client.threads.create();
    assert.equal(await client.threads.delete(thread_id), undefined);
    await refused(client.threads.get(thread_id), 404, /not found/i);
  },

  "following a thread": async ({ client }) => {
    const { thread_id } = await client.threads.create();
    const input = { count: 2 };
    const fields = { input, streamMode: "custom", streamResumable: true };
    const { run_id } = await client.runs.create(thread_id, "emit", fields);
    await client.runs.join(thread_id, run_id);
    const ended = (part) => part.data?.status === "run_done";
    const whole = await until(
      client.threads.joinStream(thread_id, { lastEventId: "-1", streamMode: ["run_modes"] }),
      ended,
    );
    assert.deepEqual(events(whole), ["metadata", "custom", "custom", "metadata"]);
    const rest = await until(
      client.threads.joinStream(thread_id, { lastEventId: whole[1].id }),
      ended,
    );
    assert.deepEqual(rest, whole.slice(2));
    const lifecycle = await until(
      client.threads.joinStream(thread_id, { lastEventId: "-1", streamMode: "lifecycle" }),
      ended,
    );
    assert.deepEqual(events(lifecycle), ["metadata", "metadata"]);
  },

  "being told of new states": async ({ client }) => {
    const thread_id = await after(client, "echo", { foo: "a" });
    const abort = new AbortController();
    const stream = client.threads.joinStream(thread_id, {
      streamMode: ["state_update", "lifecycle"],
      signal: abort.signal,
    });
    const told = until(stream, (part) => part.event === "state_update");
    for (let tries = 0; ; tries += 1) {
      await client.threads.updateState(thread_id, { values: { foo: `b${tries}` } });
      const pause = new Promise((resolve) => setTimeout(resolve, 100, null));
      const parts = await Promise.race([told, pause]);
      if (parts === null) continue; // the stream was not open yet
      const [{ data }] = parts;
      assert.match(data.state.values.foo, /^b/);
      assert.equal(data.thread_id, thread_id);
      return;
    }
  },

  "an unknown thread is not followed": async ({ client }) => {
    await refused(all(client.threads.joinStream(randomUUID())), 404, /not found/i);
  },
};
