import { isVfsError, VfsError } from '../../src/core/errors.js';
import { decodeListed } from './encoding.js';
import type { Where } from './errors.js';
import type { Tree } from './tree.js';
import { all, textOf } from './xml.js';

/** Gives up the uploads below the prefix that began before `olderThan` (ms since 1970); returns how many. */
export async function purgeUploads(tree: Tree, olderThan: number, where: Where): Promise<number> {
  const { client, keys } = tree;
  const old: { key: string; id: string }[] = [];
  let markers: Record<string, string> = {};
  for (;;) {
    const query = { uploads: '', 'encoding-type': 'url', 'max-uploads': '1000', prefix: keys.prefix, ...markers };
    const xml = await client.xml({ method: 'GET', query }, 'ListMultipartUploadsResult', where);
    for (const upload of all(xml, 'Upload')) {
      // Ceph encodes keys without saying so, and does not encode the marker.
      const key = decodeListed(textOf(upload, 'Key') ?? '');
      const id = textOf(upload, 'UploadId') ?? '';
      const begun = Date.parse(textOf(upload, 'Initiated') ?? '');
      if (key?.startsWith(keys.prefix) && id !== '' && begun < olderThan) old.push({ key, id });
    }
    if (textOf(xml, 'IsTruncated') !== 'true') break;
    const marker = textOf(xml, 'NextKeyMarker') ?? '';
    const next = {
      'key-marker': (textOf(xml, 'EncodingType') === 'url' ? decodeListed(marker) : marker) ?? '',
      'upload-id-marker': textOf(xml, 'NextUploadIdMarker') ?? '',
    };
    if (next['key-marker'] === '' || JSON.stringify(next) === JSON.stringify(markers)) {
      throw new VfsError('EIO', where.op, where.path, { detail: 'a listing that does not go on' });
    }
    markers = next;
  }
  let purged = 0;
  for (const { key, id } of old) {
    try {
      await client.run({ method: 'DELETE', key, query: { uploadId: id } }, where);
      purged += 1;
    } catch (error) {
      // Completed or given up by somebody else meanwhile.
      if (!isVfsError(error, 'ENOENT', 'EIO')) throw error;
    }
  }
  return purged;
}
