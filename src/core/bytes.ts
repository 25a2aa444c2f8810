/** A body on its way: chunks of 64 KiB to 1 MiB, each owned by whoever receives it, who may give it back to
 *  lent-buffers.ts when done. Whoever passes one on keeps nothing of it. */
export type Bytes = AsyncIterable<Uint8Array>;

/** What every call may carry. A fired signal ends the call with ECANCELED and releases what it held. */
export interface Call {
  readonly signal?: AbortSignal | undefined;
}

/** The whole body in one piece; `limit` bytes at most, else it throws RangeError. */
export async function collect(body: Bytes, limit = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw new RangeError(`body longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** A body of one chunk; of none for an empty buffer. */
export async function* once(chunk: Uint8Array): Bytes {
  if (chunk.length > 0) yield chunk;
}
