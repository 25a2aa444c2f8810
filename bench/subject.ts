/** Something that serves a folder, ours or a peer's. */
export interface Subject {
  readonly name: string;
  /** The folder that it serves, to lay out data in before a run and to look at afterwards. */
  readonly root: string;
  /** Its process, for CPU and memory; 0 for the bare file system. */
  readonly pid: number;
  /** From its start to its first answer, in seconds. */
  readonly startSeconds: number;
  stop(): Promise<void>;
}

/** Serves over HTTP below `url`. */
export interface WebDavSubject extends Subject {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** Serves over SSH; `directory` is the folder of `root` as a client sees it. */
export interface SftpSubject extends Subject {
  readonly port: number;
  readonly user: string;
  readonly keyFile: string;
  readonly directory: string;
}

/** Shows the folder at `path`. */
export interface DriveSubject extends Subject {
  readonly path: string;
}

/** Something to do with each subject in turn. */
export interface Work<S extends Subject> {
  readonly name: string;
  /** What `amount` counts: MiB, files, requests, entries. */
  readonly unit: string;
  readonly amount: number;
  /** Lays out what the run needs; not timed. */
  prepare(subject: S): Promise<void>;
  run(subject: S): Promise<void>;
}
