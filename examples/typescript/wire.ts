/** What docs/wire.md says of a run, as types and a few functions on top of Temporal's own client. */

import { setTimeout as sleep } from 'node:timers/promises';

import {
  ApplicationFailure,
  type Client,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  isGrpcServiceError,
} from '@temporalio/client';
import { temporal } from '@temporalio/proto';

export interface Interrupt {
  interrupt_id: string;
  node_id: string;
  kind: 'node' | 'call' | 'before' | 'after' | 'failure' | 'blocked';
  value: unknown;
  response_schema: object | null;
  created_at: string;
  deadline: string | null;
  assignees: string[];
  escalation_level: number;
  answers: object[];
  quorum: number;
  problem: string | null;
}

export interface Answer {
  value?: unknown;
  interrupt_id?: string;
  actor?: string;
  answer_id?: string;
  comment?: string;
  state_update?: object;
  goto?: { node_id: string; data?: unknown };
}

export interface Failure {
  node_id: string;
  type: string;
  message: string;
  path: (string | number)[] | null;
}

export interface Stop<Output, State> {
  status: 'waiting' | 'blocked' | 'paused' | 'finished' | 'failed';
  interrupts: Interrupt[];
  output: Output | null;
  state: State;
  failure: Failure | null;
}

export interface FieldError {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** A run did not take what it was sent, and is as it was. */
export class Refused extends Error {
  constructor(
    readonly reason: string,
    message: string,
    readonly errors: FieldError[],
  ) {
    super(message);
  }
}

/** What a server may say, too, to an update whose run is just continuing as new: failed precondition, aborted, unavailable. */
const LOST = [9, 10, 14];

/** Sends an update. It is sent again where it ended only because the run continued as new. */
export async function ask<Reply>(handle: WorkflowHandle, name: string, ...args: unknown[]): Promise<Reply> {
  for (;;) {
    try {
      return await handle.executeUpdate<Reply, [unknown]>(name, { args: args as [unknown] });
    } catch (error) {
      if (!(await mayComeAgain(handle, error))) throw asRefusal(error);
      console.error(`${name} is sent again: ${handle.workflowId} has continued as new`);
    }
  }
}

async function mayComeAgain(handle: WorkflowHandle, error: unknown): Promise<boolean> {
  const failure = failureIn(error);
  if (failure) return ['ContinuedAsNew', 'AcceptedUpdateCompletedWorkflow'].includes(failure.type ?? '');
  const isLost = error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && LOST.includes(error.code));
  if (!isLost) return false;
  await sleep(50);
  return (await handle.describe()).status.name === 'RUNNING';
}

/** What an update failed with, by its run. */
function failureIn(error: unknown): ApplicationFailure | undefined {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  return cause instanceof ApplicationFailure ? cause : undefined;
}

function asRefusal(error: unknown): unknown {
  const failure = failureIn(error);
  if (failure?.type !== 'AnswerRefused') return error;
  const { reason, message, errors } = failure.details?.[0] as Refused;
  return new Refused(reason, message, errors);
}

/** Answers, if there is an answer, and waits for where the run stops next. */
export async function proceed<Output, State>(handle: WorkflowHandle, answer?: Answer): Promise<Stop<Output, State>> {
  // With an id of its own it is the same answer, however often it is sent.
  const sent = answer && { answer_id: crypto.randomUUID(), ...answer };
  try {
    return await ask(handle, 'proceed', ...(sent ? [sent] : []));
  } catch (error) {
    if (failureIn(error)?.type !== 'TooManyWait') throw error;
  }
  // Others wait already, as many as may: answer without waiting, and look now and then.
  if (sent) await ask(handle, 'resume', sent);
  for (;;) {
    const stop = await handle.query<Stop<Output, State> | null>('stop');
    if (stop) return stop;
    await sleep(500);
  }
}

/** Why a run failed; throws what is no failure of a run. */
export async function failureOf(handle: WorkflowHandle): Promise<Failure> {
  try {
    await handle.result();
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) {
      if (error.cause.type === 'GraphRunError') return error.cause.details?.[0] as Failure;
    }
    throw error;
  }
  throw new Error('The run has not failed.');
}

export interface RunEvent {
  number: number;
  kind: string;
  node_id: string | null;
  at: string;
  data: Record<string, unknown>;
}

interface Batch {
  items: { topic: string; data: string; offset: number }[];
  next_offset: number;
  more_ready: boolean;
}

/** What happens in a run, from an event on, until it has ended. */
export async function* events(handle: WorkflowHandle, from = 0): AsyncGenerator<RunEvent> {
  const POLL = '__temporal_workflow_stream_poll';
  for (let next = from; ; ) {
    const question = { topics: ['events'], from_offset: next };
    let batch: Batch;
    try {
      // Updates of one id are one update: readers at the same place share it, also those of other programs.
      const updateId = `events-from-${next}-0`;
      batch = await handle.executeUpdate<Batch, [object]>(POLL, { args: [question], updateId });
    } catch (error) {
      const failure = failureIn(error);
      if (failure?.type === 'TruncatedOffset') {
        next = 0; // the oldest that there are
        continue;
      }
      const isFull = failure?.type === 'StreamDraining' && failure.details?.[0] === 'full';
      if (!isFull && (failure?.type === 'StreamDraining' || (await mayComeAgain(handle, error)))) {
        await sleep(100);
        continue;
      }
      // As a query it does not wait: as many wait already as may, or the run has ended.
      batch = await handle.query<Batch, [object]>(POLL, question);
      if (batch.items.length === 0 && !isFull) return;
      if (isFull) await sleep(500);
    }
    for (const { data, offset } of batch.items) {
      const payload = temporal.api.common.v1.Payload.decode(Buffer.from(data, 'base64'));
      const event = { number: offset, ...JSON.parse(Buffer.from(payload.data).toString()) } as RunEvent;
      yield event;
      if (['run_finished', 'run_failed', 'run_cancelled'].includes(event.kind)) return;
    }
    next = batch.next_offset;
    if (!batch.more_ready) await sleep(100);
  }
}

export type Change = [op: string, path: (string | number)[], value?: unknown];

export interface Checkpoint {
  number: number;
  kind: string;
  node_id: string | null;
  at: string | null;
  changes: Change[];
  next: string[];
  interrupts: string[];
  status: string;
}

interface Page {
  state: unknown;
  checkpoints: Checkpoint[];
  more: boolean;
  run_id: string;
  previous_run_id: string | null;
}

/**
 * Everything that happened in a run, oldest first. A run that continued as new has a part of it each time: each checkpoint comes
 * with the run id of its part, for the query `snapshot`.
 */
export async function history(client: Client, id: string): Promise<(Checkpoint & { run_id: string })[]> {
  const found: (Checkpoint & { run_id: string })[][] = [];
  for (let runId: string | undefined; ; ) {
    const handle = client.workflow.getHandle(id, runId);
    const part: (typeof found)[number] = [];
    let page: Page;
    do {
      page = await handle.query<Page, [number]>('history', part.at(-1)?.number ?? 0);
      for (const checkpoint of page.checkpoints) part.push({ ...checkpoint, run_id: page.run_id });
    } while (page.more);
    found.unshift(part);
    if (page.previous_run_id === null) return found.flat();
    runId = page.previous_run_id;
  }
}
