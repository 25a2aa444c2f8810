/** One thing wrong with the configuration, and where. */
export interface Problem {
  /** As the user wrote it on the command line, or found; `embedded defaults` when there is no file. */
  readonly file: string;
  /** 1-based; absent when there is no place to point at (the file cannot be read). */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** `mounts[0].options.bucket`; empty for the file as a whole. */
  readonly key: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

/** The configuration cannot be used. Carries every problem at once; one line each makes `message`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** EX_CONFIG of sysexits(3). */
  readonly exitCode = 78;
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** `isthmus.yaml:12:5: mounts[0].options.bukcet: unknown key; did you mean "bucket"?` */
export function formatProblem({ file, line, column, key, message }: Problem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const text = key === '' ? `${place}: ${message}` : `${place}: ${key}: ${message}`;
  // Keys and values of the file are quoted in it: one line each, and nothing a terminal obeys.
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}

/** A dotted key as people write it: `mounts[0].options`. */
export function formatKey(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
