import { constants } from 'node:fs';
import { PageBuffers } from '../page-buffers.js';
import { encodeWritten } from '../protocol/replies.js';
import { decodeRead, decodeWrite } from '../protocol/requests.js';
import type { Operation } from './operation.js';

const buffers = new PageBuffers();

export const read: Operation = async (request, volume) => {
  const { handle, offset, size } = decodeRead(request.message, request.header);
  const file = volume.files.get(handle);
  const buffer = buffers.take(size);
  try {
    const into = buffer.length === size ? buffer : buffer.subarray(0, size);
    const { signal } = request;
    let filled = await file.handle.read(offset, into, { signal });
    // Fewer bytes mean the end of the file to the kernel, so it must be just that.
    while (filled > 0 && filled < size) {
      const more = await file.handle.read(offset + filled, into.subarray(filled), { signal });
      if (more === 0) break;
      filled += more;
    }
    request.content = filled;
    request.data(into, filled);
  } finally {
    buffers.give(buffer);
  }
};

/**
 * WRITE. What a descriptor with O_APPEND writes goes to where the file ends now: the kernel's idea of that may be older
 * than another front end's change.
 */
export const write: Operation = async (request, volume) => {
  const { handle, offset, data, flags } = decodeWrite(request.message, request.header);
  const file = volume.files.get(handle);
  const bytes = request.keep(data);
  const position = (flags & constants.O_APPEND) !== 0 ? (await file.handle.stat()).size : offset;
  await file.handle.write(position, bytes);
  request.content = bytes.length;
  request.reply(encodeWritten(request.out, bytes.length));
};
