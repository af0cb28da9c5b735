/**
 * Drives a run of the graph beside this file, by JSON alone: starts it, looks at it, answers and steers it, listens to it, looks
 * back, and forks it. `wire.ts` has the few functions that it needs on top of Temporal's client.
 */

import { Client, Connection } from '@temporalio/client';

import {
  type Answer,
  type Failure,
  type Interrupt,
  Refused,
  type RunEvent,
  type Stop,
  ask,
  events,
  failureOf,
  history,
  proceed,
} from './wire';

/** The state of the graph. */
interface Order {
  packed: string[];
  discount: number;
}

type At = Stop<string, Order>;

async function main(): Promise<void> {
  const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
  const client = new Client({ connection });
  const taskQueue = process.env['TASK_QUEUE'] ?? 'graphs';
  const id = process.argv[2] ?? `order-${crypto.randomUUID().slice(0, 8)}`;

  // -- Start: the workflow's type is the graph's name.
  const run = await client.workflow.start('order', {
    workflowId: id,
    taskQueue,
    args: [{ start_node: { node_id: 'Pack', data: { left: 12 } }, state: { discount: 5 } }],
  });
  const listening = listen(events(run));

  // -- Wait for where it stops. It gets long, and continues as new meanwhile: `proceed` is sent again.
  let stop: At = await proceed(run);
  console.log(`${stop.status}; ${stop.state.packed.length} packed`);

  // -- Look.
  const [question] = await run.query<Interrupt[]>('pending_interrupts');
  if (!question) throw new Error('Nobody is asked.');
  console.log(`${question.interrupt_id} asks ${question.assignees}`);
  console.log(`takes ${Object.keys((question.response_schema as { properties: object }).properties)}`);

  // -- Answer. By update a wrong answer is refused ...
  try {
    await ask(run, 'resume', { value: { approved: 'perhaps' }, actor: 'ann' } satisfies Answer);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`refused as ${error.reason}: ${error.errors.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`)}`);
  }
  // ... by signal it cannot be: it is kept where `get_state` shows it.
  await run.signal('resume', { value: { approved: 'perhaps' }, actor: 'ann' } satisfies Answer);
  const { rejected } = await run.query<{ rejected: { reason: string }[] }>('get_state');
  console.log(`rejected: ${rejected.map(({ reason }) => reason)}`);

  // -- Steer: the state, if it is still as it was seen; who is asked, and until when; where the run stops.
  const { version } = await run.query<{ version: number }>('get_state');
  await ask(run, 'update_state', { values: { discount: 10 }, expected_version: version, actor: 'bob' });
  try {
    await ask(run, 'update_state', { values: { discount: 20 }, expected_version: version });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`refused as ${error.reason}`);
  }
  const asked = await ask<Interrupt>(run, 'reassign', { to: ['bob', 'cid'], actor: 'ann' });
  const extended = await ask<Interrupt>(run, 'extend', { by: 24 * 3600, actor: 'bob' });
  console.log(`asks ${asked.assignees} now, for ${days(question, extended)} days more`);
  await ask(run, 'set_breakpoints', { before: ['Dispatch'] });

  // -- Pause: what is answered meanwhile is taken, and no node starts.
  await run.signal('pause');
  const accepted = await ask<{ actor: string }>(run, 'resume', {
    interrupt_id: question.interrupt_id,
    value: { approved: true },
    actor: 'bob',
    answer_id: 'click-1',
    comment: 'fine with me',
  } satisfies Answer);
  stop = await proceed(run);
  console.log(`${accepted.actor} has answered; ${stop.status}`);
  await run.signal('unpause');
  stop = await proceed(run);
  console.log(`${stop.status} at ${stop.interrupts.map(({ interrupt_id }) => interrupt_id)}`);

  // -- A breakpoint takes any answer. Several answers, here one, are taken together, or none of them is.
  await ask(run, 'resume_all', [{ interrupt_id: 'Dispatch:1.before', actor: 'ann' }] satisfies Answer[]);
  const { output } = (await run.result()) as { output: string; state: Order };
  console.log(output);

  // -- What has happened, as it happened, and looked back at.
  const heard = await listening;
  const answers = heard.filter(({ kind }) => kind === 'interrupt_answered').map(({ node_id }) => node_id);
  console.log(`heard ${heard.length > 20 ? 'much' : 'little'}: answers to ${answers}; at last ${heard.at(-1)?.kind}`);
  const past = await history(client, id);
  console.log(`it continued as new: ${new Set(past.map(({ run_id }) => run_id)).size > 1}`);
  const edited = past.find(({ kind }) => kind === 'state_updated');
  console.log(`${past[0]?.kind} ... ${past.at(-1)?.kind}; edited by ${JSON.stringify(edited?.changes)}`);
  const { entries } = await run.query<{ entries: { kind: string; actor: string | null; comment?: string }[] }, [number]>('audit', 0);
  for (const { kind, actor, comment } of entries) console.log(`  ${kind} ${actor ?? ''} ${comment ?? ''}`.trimEnd());

  // -- Fork: a new run from when the state was edited, with another state; and send it to its end.
  if (!edited) throw new Error('Nobody has edited the state.');
  const then = client.workflow.getHandle(id, edited.run_id);
  const snapshot = await then.query<object, [number]>('snapshot', edited.number);
  const fork = await client.workflow.start('order', {
    workflowId: `${id}-fork`,
    taskQueue,
    args: [{ snapshot, fork: { update: { discount: 50 } } }],
  });
  stop = await proceed(fork);
  const { memo } = await fork.describe();
  const pending = memo?.['GraphPending'] as { questions: Interrupt[]; more: number } | undefined;
  console.log(`memo: ${pending ? pending.questions.map(({ interrupt_id }) => interrupt_id) : 'no search attributes'}`);
  stop = await proceed(fork, { goto: { node_id: '__end__', data: 'given up' }, actor: 'ann' });
  console.log(`the fork is ${stop.status}: ${stop.output}, with a discount of ${stop.state.discount}`);

  // -- A run that fails.
  const failing = await client.workflow.start('order', {
    workflowId: `${id}-failing`,
    taskQueue,
    args: [{ start_node: { node_id: 'Pack', data: { left: -1 } } }],
  });
  const failure: Failure = await failureOf(failing);
  console.log(`${failure.node_id} failed with ${failure.type}: ${failure.message}`);
  await connection.close();
}

async function listen(source: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const heard: RunEvent[] = [];
  for await (const event of source) heard.push(event);
  return heard;
}

function days(before: Interrupt, after: Interrupt): number {
  return Math.round((Date.parse(after.deadline ?? '') - Date.parse(before.deadline ?? '')) / 86_400_000);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
