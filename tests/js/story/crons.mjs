import { assert, eventually, pick, randomUUID, refused, UNKNOWN } from "./helpers.mjs";

const YEARLY = "0 0 1 1 *"; // does not fire while the story is told
const FAR = "2099-01-01T00:00:00+00:00";
const EVERYTHING = {
  schedule: YEARLY,
  input: { foo: "c" },
  config: { tags: ["t"] },
  context: { model: "m1" },
  metadata: { team: "blue" },
  interruptBefore: ["e1"],
  interruptAfter: "*",
  webhook: "https://there.test/hook",
  multitaskStrategy: "rollback",
  durability: "exit",
  enabled: false,
  timezone: "America/New_York",
  streamMode: ["updates"],
  streamSubgraphs: true,
  streamResumable: true,
  endTime: FAR,
};
const instant = (text) => new Date(text).getTime();

function check(cron, { living, updated = false }) {
  assert.equal(cron.schedule, YEARLY);
  assert.deepEqual(cron.payload.input, { foo: "c" });
  assert.deepEqual(cron.payload.config.tags, ["t"]);
  assert.deepEqual(cron.payload.context, { model: "m1" });
  assert.equal(cron.metadata.team, "blue");
  assert.deepEqual(cron.payload.interrupt_before, ["e1"]);
  assert.equal(cron.payload.interrupt_after, "*");
  assert.equal(cron.payload.webhook, "https://there.test/hook");
  assert.equal(cron.payload.multitask_strategy, updated ? undefined : "rollback");
  assert.equal(cron.enabled, false);
  if (!living) return;
  assert.equal(cron.payload.durability, "exit");
  assert.deepEqual(cron.payload.stream_mode, ["updates"]);
  assert.equal(cron.payload.stream_subgraphs, true);
  assert.equal(cron.payload.stream_resumable, true);
  assert.equal(cron.timezone, "America/New_York");
  assert.equal(instant(cron.end_time), instant(FAR));
}

export default {
  "stateless": async ({ client, living }) => {
    const fields = { ...EVERYTHING, onRunCompleted: "keep" };
    const cron = await client.crons.create("echo", fields);
    check(cron, { living });
    assert.equal(cron.thread_id, null);
    assert.equal(cron.on_run_completed, "keep");
    assert.equal(await client.crons.delete(cron.cron_id), undefined);
    await refused(client.crons.delete(cron.cron_id), 404, /not found/i);
  },

  "on a thread": async ({ client, living }) => {
    const { thread_id } = await client.threads.create();
    const cron = await client.crons.createForThread(thread_id, "echo", EVERYTHING);
    check(cron, { living });
    assert.equal(cron.thread_id, thread_id);
    await client.crons.delete(cron.cron_id);
    await refused(client.crons.createForThread(UNKNOWN, "echo", EVERYTHING), 404, /not found/i);
  },

  "it fires": async ({ client }) => {
    const { thread_id } = await client.threads.create();
    const fields = { schedule: "* * * * * *", input: { foo: "tick" } };
    const cron = await client.crons.createForThread(thread_id, "echo", fields);
    const runs = await eventually(
      () => client.runs.list(thread_id),
      (list) => list.length > 0,
    );
    await client.crons.delete(cron.cron_id);
    const values = await client.runs.join(thread_id, runs.at(-1).run_id);
    assert.equal(values.foo, "tick!");
  },

  "updating": async ({ client, living }) => {
    const { cron_id } = await client.crons.create("echo", {
      schedule: "0 9 * * *",
      metadata: { a: 1 },
    });
    const updated = await client.crons.update(cron_id, { ...EVERYTHING, onRunCompleted: "keep" });
    check(updated, { living, updated: true });
    assert.equal(updated.on_run_completed, "keep");
    const cleared = await client.crons.update(cron_id, { endTime: null, enabled: true });
    assert.deepEqual([cleared.end_time, cleared.enabled, cleared.schedule], [null, true, YEARLY]);
    await client.crons.delete(cron_id);
  },

  "searching and counting": async ({ client }) => {
    const story = randomUUID();
    const assistant = await client.assistants.create({ graphId: "echo", metadata: { story } });
    const { assistant_id: assistantId } = assistant;
    const { thread_id: threadId } = await client.threads.create();
    const fields = { schedule: YEARLY, metadata: { story } };
    const crons = [
      await client.crons.create(assistantId, fields),
      await client.crons.create(assistantId, { ...fields, enabled: false }),
      await client.crons.createForThread(threadId, assistantId, {
        ...fields,
        metadata: { story, kind: "thread" },
      }),
    ];
    const ids = crons.map((cron) => cron.cron_id);
    const found = async (query) =>
      (await client.crons.search({
        assistantId, sortBy: "created_at", sortOrder: "asc", ...query,
      })).map((cron) => ids.indexOf(cron.cron_id));
    assert.deepEqual(await found({}), [0, 1, 2]);
    assert.deepEqual(await found({ sortOrder: "desc" }), [2, 1, 0]);
    assert.deepEqual(await found({ limit: 1, offset: 1 }), [1]);
    assert.deepEqual(await found({ threadId }), [2]);
    assert.deepEqual(await found({ enabled: false }), [1]);
    const [selected] = await client.crons.search({
      assistantId, select: ["cron_id", "schedule"], limit: 1,
    });
    assert.deepEqual(Object.keys(pick(selected, "cron_id", "schedule")), Object.keys(selected));
    assert.equal(await client.crons.count({ assistantId }), 3);
    assert.equal(await client.crons.count({ assistantId, threadId }), 1);
    await client.assistants.delete(assistantId);
    assert.equal(await client.crons.count({ assistantId }), 0);
  },

  "searching by metadata": async ({ client, living }) => {
    if (!living) return;
    const metadata = { story: randomUUID() };
    const { cron_id } = await client.crons.create("echo", { schedule: YEARLY, metadata });
    const found = await client.crons.search({ metadata });
    assert.deepEqual(found.map((cron) => cron.cron_id), [cron_id]);
    assert.equal(await client.crons.count({ metadata }), 1);
    await client.crons.delete(cron_id);
    assert.equal(await client.crons.count({ metadata }), 0);
  },
};
