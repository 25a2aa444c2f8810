import type { Meter } from '../../core/meter.js';

const DRIVE = 'drive';

/** What the drive counts; the names are shared by all front ends. */
export class DriveMetrics {
  /** One request: its kind, `ok` or the error's code, and how long it took in seconds. */
  readonly operation: (name: string, result: string, seconds: number) => void;
  /** Content, not protocol: `in` is written to the drive, `out` is read from it. */
  readonly bytes: (direction: 'in' | 'out', count: number) => void;
  readonly openHandles: (count: number) => void;

  constructor(meter: Meter) {
    const operations = meter.counter('isthmus_frontend_operations_total', 'Requests answered by a front end', [
      'frontend',
      'operation',
      'result',
    ]);
    const durations = meter.histogram(
      'isthmus_frontend_operation_duration_seconds',
      'Time from a request to its answer',
      ['frontend', 'operation'],
    );
    const bytes = meter.counter('isthmus_frontend_bytes_total', 'Content that went through a front end', [
      'frontend',
      'direction',
    ]);
    const handles = meter.gauge('isthmus_frontend_open_handles', 'Files open through a front end', ['frontend']);
    this.operation = (name, result, seconds) => {
      operations.add([DRIVE, name, result]);
      durations.observe([DRIVE, name], seconds);
    };
    this.bytes = (direction, count) => bytes.add([DRIVE, direction], count);
    this.openHandles = (count) => handles.set([DRIVE], count);
  }
}
