import { type Dispatcher, Pool } from 'undici';
import type { Content, Driver, GetOptions, PutOptions, RenameOptions, Traits } from '../../mounts/driver.js';
import { type Bytes, type Call, collect } from '../../src/core/bytes.js';
import type { Entry, Space } from '../../src/core/entry.js';
import { type ErrorCode, fromNodeError, isVfsError, VfsError } from '../../src/core/errors.js';
import { isWithin, nameOf, type Path, parentOf, parseName, ROOT, segments } from '../../src/core/path.js';
import { type Resource, readMultistatus } from './webdav-multistatus.js';

/** What is being done where. */
interface Where extends Call {
  readonly op: string;
  readonly path: Path;
}

interface Sent extends Where {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Bytes | string;
}

type Answer = Dispatcher.ResponseData;

const FIND = '<D:propfind xmlns:D="DAV:"><D:prop>%</D:prop></D:propfind>';
const ENTRY = FIND.replace('%', '<D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/>');
const QUOTA = FIND.replace('%', '<D:quota-available-bytes/><D:quota-used-bytes/>');

/**
 * A folder of a WebDAV server as a driver: what the conformance suite needs to look at the WebDAV front end, and no
 * more. It trusts the server to be ours: conditions and MOVE of a file over a file are atomic there. What POSIX refuses
 * and RFC 4918 does not (DELETE and MOVE take whole trees) is looked at just before.
 */
export class WebdavDriver implements Driver {
  readonly traits: Traits = {
    kind: 'webdav',
    mtimeStep: 1000, // getlastmodified has whole seconds
    atomicConditions: true,
    atomicRename: true,
    caseSensitive: true,
    permissions: false,
    entryWithContent: true,
  };
  readonly #pool: Pool;
  readonly #origin: string;
  readonly #prefix: string;
  readonly #authorization: string;
  #closed = false;

  /** @param base  URL of the folder, without a slash at its end */
  constructor(base: string, authorization: string) {
    const { origin, pathname } = new URL(base);
    this.#pool = new Pool(origin, { connections: 16 });
    this.#origin = origin;
    this.#prefix = pathname;
    this.#authorization = authorization;
  }

  async stat(path: Path, call: Call = {}): Promise<Entry> {
    const [self] = await this.#find({ ...call, op: 'stat', path }, ENTRY);
    return entryOf(self!, nameOf(path));
  }

  async *list(path: Path, call: Call = {}): AsyncIterable<readonly Entry[]> {
    const where = { ...call, op: 'list', path };
    const answer = await this.#propfind(where, '1', ENTRY);
    let first = true;
    const pages = readMultistatus(bodyOf(answer, where));
    try {
      for await (const page of pages) {
        if (first && !page[0]!.collection) throw new VfsError('ENOTDIR', 'list', path);
        const children = first ? page.slice(1) : page;
        first = false;
        yield children.map((child) => entryOf(child, lastName(child.href)));
      }
    } catch (error) {
      throw translate(error, where);
    } finally {
      answer.body.destroy();
    }
  }

  async get(path: Path, options: GetOptions = {}): Promise<Content> {
    const { start = 0, end, ifMatch, signal } = options;
    const where = { signal, op: 'get', path };
    // HTTP has no way to ask for no bytes.
    if (end !== undefined && end <= start) return this.#nothing(where, start, ifMatch);
    const headers: Record<string, string> = {};
    if (start > 0 || end !== undefined) headers.Range = `bytes=${start}-${end === undefined ? '' : end - 1}`;
    if (ifMatch !== undefined) headers['If-Match'] = `"${ifMatch}"`;
    const answer = await this.#ask({ ...where, method: 'GET', headers });
    if (answer.statusCode === 416) {
      await answer.body.dump();
      return this.#nothing(where, start, ifMatch);
    }
    if (answer.statusCode !== 200 && answer.statusCode !== 206) {
      throw await this.#refusal(answer, where, { 405: 'EISDIR' });
    }
    const part = /\/(\d+)$/.exec(headerOf(answer, 'content-range'));
    const entry: Entry = {
      name: nameOf(path),
      kind: 'file',
      size: Number(part?.[1] ?? headerOf(answer, 'content-length')),
      mtime: Date.parse(headerOf(answer, 'last-modified')),
      etag: unquoted(headerOf(answer, 'etag')),
    };
    return Object.assign(bodyOf(answer, where), { entry });
  }

  async put(path: Path, body: Bytes, options: PutOptions = {}): Promise<Entry> {
    const { size, mtime, ifMatch, ifNoneMatch, signal } = options;
    const where = { signal, op: 'put', path };
    const headers: Record<string, string> = {};
    if (size !== undefined) headers['Content-Length'] = String(size);
    if (mtime !== undefined) headers['X-OC-Mtime'] = (mtime / 1000).toFixed(3);
    if (ifMatch !== undefined) headers['If-Match'] = `"${ifMatch}"`;
    if (ifNoneMatch !== undefined) headers['If-None-Match'] = ifNoneMatch;
    const count = { sent: 0 };
    const exact = checked(body, size, where, count);
    if (size === 0) for await (const _ of exact) break;
    const answer = await this.#ask({ ...where, method: 'PUT', headers, ...(size === 0 ? {} : { body: exact }) });
    await this.#expect(answer, where, [201, 204], { 405: 'EISDIR' });
    const entry = await this.stat(path, { signal });
    return { ...entry, size: count.sent, etag: unquoted(headerOf(answer, 'etag')) };
  }

  async mkdir(path: Path, call: Call = {}): Promise<void> {
    const where = { ...call, op: 'mkdir', path };
    await this.#expect(await this.#ask({ ...where, method: 'MKCOL' }), where, [201], { 405: 'EEXIST' });
  }

  async unlink(path: Path, call: Call = {}): Promise<void> {
    const where = { ...call, op: 'unlink', path };
    const [self] = await this.#find(where, ENTRY);
    if (self!.collection) throw new VfsError('EISDIR', 'unlink', path);
    await this.#delete(where);
  }

  async rmdir(path: Path, call: Call = {}): Promise<void> {
    const where = { ...call, op: 'rmdir', path };
    this.#begin(where);
    if (path === ROOT) throw new VfsError('EBUSY', 'rmdir', path);
    const found = await this.#find(where, ENTRY, '1');
    if (!found[0]!.collection) throw new VfsError('ENOTDIR', 'rmdir', path);
    if (found.length > 1) throw new VfsError('ENOTEMPTY', 'rmdir', path);
    await this.#delete(where);
  }

  async rename(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    const { noReplace = false, signal } = options;
    const source = { signal, op: 'rename', path: from };
    const target = { signal, op: 'rename', path: to };
    this.#begin(source);
    if (from === ROOT) throw new VfsError('EBUSY', 'rename', from);
    const [old] = await this.#find(source, ENTRY);
    if (from === to && !noReplace) return;
    if (from !== to && isWithin(to, from) && old!.collection) throw new VfsError('EINVAL', 'rename', to);
    const there = await this.#findOrNone(target, old!.collection ? '1' : '0');
    if (there !== undefined) {
      const [self, child] = there;
      const refuse = (code: ErrorCode): never => {
        throw new VfsError(code, 'rename', to);
      };
      if (noReplace) refuse('EEXIST');
      if (self!.collection && !old!.collection) refuse('EISDIR');
      if (!self!.collection && old!.collection) refuse('ENOTDIR');
      if (child !== undefined) refuse('ENOTEMPTY');
    }
    // A tree that has come to lie there since is not ours to replace.
    const overwrite = noReplace || (there === undefined && old!.collection) ? 'F' : 'T';
    await this.#transfer('MOVE', source, target, { Overwrite: overwrite });
  }

  async copy(from: Path, to: Path, call: Call = {}): Promise<Entry> {
    const source = { ...call, op: 'copy', path: from };
    const target = { ...call, op: 'copy', path: to };
    const [old] = await this.#find(source, ENTRY);
    const there = await this.#findOrNone(target);
    if (old!.collection) throw new VfsError('EISDIR', 'copy', from);
    if (there?.[0]?.collection) throw new VfsError('EISDIR', 'copy', to);
    if (from !== to) await this.#transfer('COPY', source, target, { Overwrite: 'T' });
    return this.stat(to, call);
  }

  async statfs(path: Path, call: Call = {}): Promise<Space> {
    const [self] = await this.#find({ ...call, op: 'statfs', path }, QUOTA);
    const [free, used] = ['quota-available-bytes', 'quota-used-bytes'].map((name) => self!.properties.get(name));
    if (free === undefined || used === undefined) return {};
    return { free: Number(free), total: Number(free) + Number(used) };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.destroy();
  }

  #begin({ op, path, signal }: Where): void {
    if (this.#closed) throw new VfsError('EBADF', op, path);
    if (signal?.aborted) throw new VfsError('ECANCELED', op, path);
  }

  async #ask(sent: Sent): Promise<Answer> {
    this.#begin(sent);
    const { method, headers, body, signal, path } = sent;
    try {
      return await this.#pool.request({
        method: method as Dispatcher.HttpMethod,
        path: this.#urlOf(path),
        headers: { Authorization: this.#authorization, ...headers },
        body: (body ?? null) as Dispatcher.DispatchOptions['body'] & string,
        signal: signal ?? null,
      });
    } catch (error) {
      throw translate(error, sent);
    }
  }

  async #expect(answer: Answer, where: Where, good: readonly number[], special: Codes = {}): Promise<void> {
    if (!good.includes(answer.statusCode)) throw await this.#refusal(answer, where, special);
    await answer.body.dump();
  }

  /** Where HTTP says less than POSIX does (404 and 409 for anything about a parent), it looks once more. */
  async #refusal(answer: Answer, where: Where, special: Codes = {}): Promise<VfsError> {
    const text = (await collect(bodyOf(answer, where), 65_536)).toString();
    // What failed at a member of a tree (RFC 4918 §9.6.1).
    const member = answer.statusCode === 207 ? /HTTP\/1\.1 (\d{3})/.exec(text)?.[1] : undefined;
    const status = Number(member ?? answer.statusCode);
    const { op, path, signal } = where;
    const detail = `HTTP ${status}`;
    if (status !== 404 && status !== 409) return new VfsError(special[status] ?? codeOf(status), op, path, { detail });
    for (let above = path; above !== ROOT; ) {
      above = parentOf(above);
      const seen = await this.#propfind({ op, path: above, signal }, '0', ENTRY, [207, 404]);
      if (seen.statusCode === 404) {
        await seen.body.dump();
        continue;
      }
      const self = await firstOf(seen, where);
      return new VfsError(self.collection ? 'ENOENT' : 'ENOTDIR', op, path, { detail });
    }
    return new VfsError('ENOENT', op, path, { detail });
  }

  async #propfind(where: Where, depth: '0' | '1', body: string, good: readonly number[] = [207]): Promise<Answer> {
    const headers = { Depth: depth, 'Content-Type': 'application/xml' };
    const answer = await this.#ask({ ...where, method: 'PROPFIND', headers, body });
    if (!good.includes(answer.statusCode)) throw await this.#refusal(answer, where);
    return answer;
  }

  async #find(where: Where, body: string, depth: '0' | '1' = '0'): Promise<Resource[]> {
    const answer = await this.#propfind(where, depth, body);
    const found: Resource[] = [];
    try {
      for await (const page of readMultistatus(bodyOf(answer, where))) found.push(...page);
    } catch (error) {
      throw translate(error, where);
    }
    return found;
  }

  async #findOrNone(where: Where, depth: '0' | '1' = '0'): Promise<Resource[] | undefined> {
    try {
      return await this.#find(where, ENTRY, depth);
    } catch (error) {
      if (isVfsError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async #delete(where: Where): Promise<void> {
    // Our server then refuses a folder that has come to lie there since (RFC 4918 §9.6.1 knows no such DELETE).
    const headers = where.op === 'unlink' ? { Depth: '0' } : {};
    await this.#expect(await this.#ask({ ...where, method: 'DELETE', headers }), where, [204]);
  }

  async #transfer(method: 'MOVE' | 'COPY', from: Where, to: Where, headers: Record<string, string>): Promise<void> {
    const Destination = this.#origin + this.#urlOf(to.path);
    const answer = await this.#ask({ ...from, method, headers: { Destination, ...headers } });
    // 409 is about the parent of the destination, 404 about the source.
    const where = answer.statusCode === 404 ? from : to;
    await this.#expect(answer, where, [201, 204], { 412: 'EEXIST' });
  }

  async #nothing({ path, signal, op }: Where, start: number, ifMatch: string | undefined): Promise<Content> {
    const entry = await this.stat(path, { signal });
    if (entry.kind === 'directory') throw new VfsError('EISDIR', op, path);
    if (ifMatch !== undefined && ifMatch !== entry.etag) throw new VfsError('EPRECONDITION', op, path);
    if (start > entry.size) throw new VfsError('ERANGE', op, path);
    return { entry, async *[Symbol.asyncIterator]() {} };
  }

  #urlOf(path: Path): string {
    return [this.#prefix, ...segments(path).map(encodeURIComponent)].join('/');
  }
}

type Codes = Readonly<Record<number, ErrorCode>>;

const FROM_STATUS: Codes = {
  400: 'EINVAL',
  401: 'EAUTH',
  403: 'EACCES',
  405: 'EPERM',
  408: 'ECANCELED',
  412: 'EPRECONDITION',
  413: 'EFBIG',
  414: 'ENAMETOOLONG',
  416: 'ERANGE',
  423: 'ELOCKED',
  429: 'EAGAIN',
  501: 'ENOTSUP',
  502: 'EXDEV',
  503: 'EUNAVAILABLE',
  504: 'ETIMEDOUT',
  507: 'ENOSPC',
};

function codeOf(status: number): ErrorCode {
  return FROM_STATUS[status] ?? 'EIO';
}

function translate(error: unknown, { op, path, signal }: Where): VfsError {
  if (isVfsError(error)) return error;
  if (signal?.aborted) return new VfsError('ECANCELED', op, path, { cause: error });
  const code = (error as { code?: unknown }).code;
  if (code === 'UND_ERR_SOCKET') return new VfsError('EUNAVAILABLE', op, path, { cause: error });
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return new VfsError('EBADF', op, path);
  return fromNodeError(error, op, path);
}

/** The body of an answer, which may be left at any time, before its first byte too. */
function bodyOf({ body }: Answer, where: Where): Bytes {
  const { signal, op, path } = where;
  // Who leaves early destroys it, which it tells to whoever listens.
  body.on('error', () => {});
  return {
    [Symbol.asyncIterator]() {
      const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            signal?.throwIfAborted();
            return await chunks.next();
          } catch (error) {
            body.destroy();
            if (signal?.aborted) throw translate(error, where);
            throw new VfsError('EIO', op, path, { cause: error, detail: 'the answer broke off' });
          }
        },
        async return() {
          body.destroy();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** Passes a body on that is exactly as long as was said: its last byte is held back until it is known to be the last. */
async function* checked(body: Bytes, size: number | undefined, { op, path }: Where, count: { sent: number }): Bytes {
  const wrong = (): VfsError => new VfsError('EINVAL', op, path, { detail: `the body is not ${size} bytes long` });
  let last: Uint8Array | undefined;
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    count.sent += chunk.length;
    if (size !== undefined && count.sent > size) throw wrong();
    if (count.sent === size) last = chunk;
    else yield chunk;
  }
  if (size !== undefined && count.sent !== size) throw wrong();
  if (last !== undefined) yield last;
}

async function firstOf(answer: Answer, where: Where): Promise<Resource> {
  for await (const [first] of readMultistatus(bodyOf(answer, where))) if (first !== undefined) return first;
  throw new VfsError('EIO', where.op, where.path, { detail: 'an empty multistatus' });
}

function entryOf({ collection, properties }: Resource, name: string): Entry {
  return {
    name,
    kind: collection ? 'directory' : 'file',
    size: collection ? 0 : Number(properties.get('getcontentlength')),
    mtime: Date.parse(properties.get('getlastmodified') ?? ''),
    etag: unquoted(properties.get('getetag') ?? ''),
  };
}

/** The href is read as the URL that it is: what was not encoded in it means what it means in a URL. */
function lastName(href: string): string {
  const { pathname } = new URL(href, 'http://localhost');
  return parseName(decodeURIComponent(pathname.replace(/\/$/, '').replace(/^.*\//s, '')));
}

function headerOf({ headers }: Answer, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function unquoted(tag: string): string {
  return tag.replace(/^"(.*)"$/, '$1');
}
