import type { Counter, Gauge, Histogram, Meter } from '../../core/meter.js';

const DOOR = 'sftp';

/** What this front end counts; the first five carry the names that all front ends share. */
export class SftpMetrics {
  readonly #operations: Counter;
  readonly #duration: Histogram;
  readonly #bytes: Counter;
  readonly #handles: Gauge;
  readonly #sessions: Gauge;
  readonly #connections: Gauge;
  readonly #refusals: Counter;

  constructor(meter: Meter) {
    this.#operations = meter.counter('isthmus_frontend_operations_total', 'Requests by front end, kind and result.', [
      'frontend',
      'operation',
      'result',
    ]);
    this.#duration = meter.histogram('isthmus_frontend_operation_duration_seconds', 'Time from request to answer.', [
      'frontend',
      'operation',
    ]);
    this.#bytes = meter.counter('isthmus_frontend_bytes_total', 'Bytes of file content by direction.', [
      'frontend',
      'direction',
    ]);
    this.#handles = meter.gauge('isthmus_frontend_open_handles', 'Open files and folders.', ['frontend']);
    this.#sessions = meter.gauge('isthmus_sftp_sessions', 'Open SFTP sessions.');
    this.#connections = meter.gauge('isthmus_sftp_connections', 'SSH connections, signed in or not.');
    this.#refusals = meter.counter('isthmus_sftp_refusals_total', 'Connections and sign-ins refused, by reason.', [
      'reason',
    ]);
  }

  operation(name: string, result: string, seconds: number): void {
    this.#operations.add([DOOR, name, result]);
    this.#duration.observe([DOOR, name], seconds);
  }

  sent(bytes: number): void {
    this.#bytes.add([DOOR, 'out'], bytes);
  }

  received(bytes: number): void {
    this.#bytes.add([DOOR, 'in'], bytes);
  }

  handles(change: number): void {
    if (change !== 0) this.#handles.add([DOOR], change);
  }

  sessions(change: number): void {
    this.#sessions.add([], change);
  }

  connections(change: number): void {
    this.#connections.add([], change);
  }

  refused(reason: string): void {
    this.#refusals.add([reason]);
  }
}
