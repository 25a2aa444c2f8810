import test from 'ava';
import { parseBasic } from '../../../src/frontends/webdav/basic-auth.js';
import { checkConditions, entityTag, parseTags, rangeStillHolds } from '../../../src/frontends/webdav/conditions.js';
import { parseRange, resolveRange } from '../../../src/frontends/webdav/range.js';
import { encodeName, pathFromUrl, urlOf } from '../../../src/frontends/webdav/urls.js';
import { p } from '../../support/namespace.js';

const entry = { name: 'a', kind: 'file', size: 10, mtime: Date.parse('2026-01-02T03:04:05.600Z'), etag: 'e1' } as const;
const space = { prefix: '/dav/', publicHost: undefined };

test('ranges (RFC 9110 §14.1.2)', (t) => {
  const of = (header: string, size = 10) => {
    const range = parseRange(header);
    return range === undefined ? 'whole' : resolveRange(range, size);
  };
  t.deepEqual(of('bytes=0-0'), { start: 0, end: 1 });
  t.deepEqual(of('bytes=3-'), { start: 3, end: 10 });
  t.deepEqual(of('bytes=3-99'), { start: 3, end: 10 });
  t.deepEqual(of('bytes=-3'), { start: 7, end: 10 });
  t.deepEqual(of('bytes=-99'), { start: 0, end: 10 });
  t.is(of('bytes=10-'), undefined);
  t.is(of('bytes=-0'), undefined);
  t.is(of('bytes=-5', 0), undefined);
  for (const ignored of ['bytes=5-3', 'bytes=', 'bytes=-', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,3-4', 'bytes=1-2;']) {
    t.is(of(ignored), 'whole', ignored);
  }
});

test('conditions (RFC 9110 §13)', (t) => {
  const status = (headers: Record<string, string>, there: typeof entry | undefined, reading: boolean) => {
    try {
      checkConditions(headers, there, reading);
      return 200;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  t.is(status({ 'if-match': '"e1"' }, entry, false), 200);
  t.is(status({ 'if-match': '"x", "e1"' }, entry, false), 200);
  t.is(status({ 'if-match': 'W/"e1"' }, entry, false), 412, 'strong comparison');
  t.is(status({ 'if-match': '*' }, entry, false), 200);
  t.is(status({ 'if-match': '*' }, undefined, false), 412);
  t.is(status({ 'if-match': '"e1"' }, undefined, false), 412);
  t.is(status({ 'if-none-match': '*' }, entry, false), 412);
  t.is(status({ 'if-none-match': '*' }, undefined, false), 200);
  t.is(status({ 'if-none-match': 'W/"e1"' }, entry, true), 304, 'weak comparison');
  t.is(status({ 'if-none-match': '"x,y", "e1"' }, entry, true), 304);
  t.is(status({ 'if-none-match': '"x"' }, entry, true), 200);
  const at = 'Fri, 02 Jan 2026 03:04:05 GMT';
  const before = 'Fri, 02 Jan 2026 03:04:04 GMT';
  t.is(status({ 'if-modified-since': at }, entry, true), 304);
  t.is(status({ 'if-modified-since': before }, entry, true), 200);
  t.is(status({ 'if-modified-since': at }, entry, false), 200, 'only for reading');
  t.is(status({ 'if-modified-since': at, 'if-none-match': '"x"' }, entry, true), 200, 'the tag goes before the date');
  t.is(status({ 'if-unmodified-since': before }, entry, false), 412);
  t.is(status({ 'if-unmodified-since': at }, entry, false), 200);
  t.is(status({ 'if-modified-since': 'nonsense' }, entry, true), 200);
});

test('If-Range holds only for the same content (RFC 9110 §13.1.5)', (t) => {
  t.true(rangeStillHolds(undefined, entry));
  t.true(rangeStillHolds('"e1"', entry));
  t.false(rangeStillHolds('"e2"', entry));
  t.false(rangeStillHolds('W/"e1"', entry));
  t.true(rangeStillHolds('Fri, 02 Jan 2026 03:04:05 GMT', entry));
  t.false(rangeStillHolds('Fri, 02 Jan 2026 03:04:06 GMT', entry));
});

test('entity tags hold nothing that could end a header', (t) => {
  t.is(entityTag({ etag: 'abc-1' }), '"abc-1"');
  t.is(entityTag({ etag: '' }), undefined);
  t.is(entityTag({ etag: 'a"\r\nb' }), '"a%22%0D%0Ab"');
  t.deepEqual(parseTags('"a", W/"b,c" , "d"'), ['"a"', 'W/"b,c"', '"d"']);
});

test('Basic credentials; empty ones are none (lesson 20)', (t) => {
  const parse = (text: string) => {
    const found = parseBasic(`Basic ${Buffer.from(text).toString('base64')}`);
    return found && [found.name, found.password.reveal()];
  };
  t.deepEqual(parse('alice:a:b'), ['alice', 'a:b']);
  t.deepEqual(parse('ü:ß'), ['ü', 'ß']);
  for (const none of [':', 'alice:', ':x', 'alice', '', 'a\0:b']) t.is(parse(none), undefined, none);
  for (const header of [
    'Bearer x',
    'Basic',
    'Basic !!!',
    `Basic ${Buffer.from([0xff, 0x3a, 0x41]).toString('base64')}`,
  ]) {
    t.is(parseBasic(header), undefined, header);
  }
});

test('lessons 1, 18, 19: a URL means one canonical path or none', (t) => {
  t.is(pathFromUrl('/dav/', space), p('/'));
  t.is(pathFromUrl('/dav', space), p('/'));
  t.is(pathFromUrl('/dav/a//b/./c/', space), p('/a/b/c'));
  t.is(pathFromUrl('/dav/%C3%BC%20%23%3F%25', space), p('/ü #?%'));
  const refused = [
    '/%zz',
    '/%',
    '/%ff',
    '/%00',
    '/a%2Fb',
    '/a%2fb',
    '/..',
    '/%2e%2e',
    '/a/../b',
    '/a/%2E./b',
    '/a?b',
    '/a#b',
    '/a\\b'.replace('\\', ' '),
  ];
  for (const below of refused) t.throws(() => pathFromUrl(`/dav${below}`, space), undefined, below);
  t.throws(() => pathFromUrl('/davx', space), { name: 'Refusal' }, 'lesson 2');
  t.throws(() => pathFromUrl('/', space), { name: 'Refusal' });
});

test('what is written as a URL is read as the same path', (t) => {
  for (const name of [
    'plain.txt',
    'a b',
    'ü',
    '%41',
    'a+b&c=d',
    "it's (1)",
    'q?#;:@',
    '\x01\x7f',
    '‮',
    '"<>',
    '~$!*,',
    '\\',
  ]) {
    const path = p(`/${name}`);
    t.is(pathFromUrl(urlOf(path, false, space), space), path, JSON.stringify(name));
    t.regex(encodeName(name), /^[\x21\x24-\x3b\x3d\x40-\x7e]*$/);
  }
});
