import { isVfsError, VfsError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { Path } from '../../core/path.js';
import { DATA_HEADER, decodeRequest, statusPacket } from './codec.js';
import type { SftpMetrics } from './metrics.js';
import { PathOrder } from './path-order.js';
import { END, type Plan, type PlanContext, planOf, type Reply, UNSUPPORTED } from './plan.js';
import { Fx, statusOf } from './status.js';

export interface RequestsContext extends PlanContext {
  readonly metrics: SftpMetrics;
  readonly log: Logger;
}

/** Takes the answer; `release` is a buffer that goes back to the pool once the answer is sent. Called once, later. */
export type Answer = (packet: Buffer, release?: Buffer) => void;

interface Job {
  readonly id: number;
  readonly plan: Plan;
  readonly started: number;
  readonly answer: Answer;
}

/** Decodes the requests of one session, has them done in an order the client can rely on, and encodes the answers. */
export class Requests {
  readonly #context: RequestsContext;
  readonly #order = new PathOrder();

  constructor(context: RequestsContext) {
    this.#context = context;
  }

  /**
   * Begins one request.
   * @param answer  called once, and never before this returns
   * @returns bytes of memory that it takes besides its own packet
   * @throws Malformed when it is no SFTP, which ends the session
   */
  begin(type: number, payload: Buffer, answer: Answer): number {
    const request = decodeRequest(type, payload);
    const started = performance.now();
    const { id } = request;
    let plan: Plan;
    try {
      plan = planOf(request, this.#context);
    } catch (error) {
      if (!(error instanceof VfsError)) throw error;
      const job = { id, plan: { name: request.op, work: UNSUPPORTED }, started, answer } as const;
      queueMicrotask(() => this.#fail(job, error));
      return 0;
    }
    this.#run({ id, plan, started, answer });
    return plan.reserve ?? 0;
  }

  #run(job: Job): void {
    const { work, paths, changes, lane, claim } = job.plan;
    if (work === UNSUPPORTED) {
      queueMicrotask(() => this.#unsupported(job));
    } else if (lane !== undefined && claim !== undefined) {
      lane.run(claim, work, (outcome) => {
        if ('error' in outcome) this.#fail(job, outcome.error);
        else this.#succeed(job, outcome.value);
      });
    } else {
      const result = paths === undefined ? work() : this.#order.run(paths, changes === true, work);
      result.then(
        (reply) => this.#succeed(job, reply),
        (error: unknown) => this.#fail(job, error),
      );
    }
  }

  #succeed(job: Job, reply: Reply): void {
    const { id, plan, answer } = job;
    this.#measure(job, 'ok');
    if (plan.changes === true) {
      const { name: operation, paths } = plan;
      this.#context.log.info({ request: id, operation, paths, mount: this.#mountOf(paths?.[0]) }, 'sftp change');
    }
    if (plan.received !== undefined) this.#context.metrics.received(plan.received);
    if (reply === undefined) answer(statusPacket(id, Fx.OK, ''));
    else if (reply === END) answer(statusPacket(id, Fx.EOF, 'End of file'));
    else if ('packet' in reply) {
      this.#context.metrics.sent(reply.packet.length - DATA_HEADER);
      answer(reply.packet, reply.release);
    } else answer(reply);
  }

  #fail(job: Job, error: unknown): void {
    const { id, plan, answer } = job;
    const code = error instanceof VfsError ? error.code : 'EIO';
    this.#measure(job, code);
    const { log } = this.#context;
    const { name: operation, paths } = plan;
    const at = paths?.[0] ?? (error instanceof VfsError ? error.path : undefined);
    const fields = { request: id, operation, paths, mount: this.#mountOf(at), code };
    if (!(error instanceof VfsError)) log.error({ ...fields, error }, 'sftp request failed');
    else if (isVfsError(error, 'ENOENT', 'ECANCELED') && plan.changes !== true)
      log.debug(fields, 'sftp request failed');
    else log.warn({ ...fields, detail: error.message }, 'sftp request failed');
    const [status, message] = statusOf(error);
    answer(statusPacket(id, status, message));
  }

  /** @param path  what a request names, or a failure of the view, whose paths are the view's */
  #mountOf(path: string | undefined): Path | undefined {
    return path?.startsWith('/') ? this.#context.view.mountOf(path as Path) : undefined;
  }

  #unsupported(job: Job): void {
    this.#measure(job, 'ENOTSUP');
    job.answer(statusPacket(job.id, Fx.OP_UNSUPPORTED, 'Unknown request'));
  }

  #measure(job: Job, result: string): void {
    this.#context.metrics.operation(job.plan.name, result, (performance.now() - job.started) / 1000);
  }
}
