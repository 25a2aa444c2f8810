import test from 'ava';
import fc from 'fast-check';
import { VfsError } from '../../src/core/errors.js';
import {
  concat,
  isWithin,
  join,
  nameOf,
  type Path,
  parentOf,
  parseName,
  parsePath,
  ROOT,
  relativeTo,
  resolvePath,
  segments,
} from '../../src/core/path.js';

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof VfsError ? error.code : String(error);
  }
};

test('what is canonical stays as it is', (t) => {
  for (const path of ['/', '/a', '/a/b.c', '/.hidden/..x/x..', '/ ', '/a b/ü/😀', '/e\u0301', '/é', '/constructor']) {
    t.is(parsePath(path), path as Path);
  }
});

test('slashes and dots that mean nothing are dropped', (t) => {
  t.is(parsePath(''), ROOT);
  t.is(parsePath('a'), '/a' as Path);
  t.is(parsePath('//a///b/'), '/a/b' as Path);
  t.is(parsePath('/./a/./b/.'), '/a/b' as Path);
});

test('lesson 1: what is not a path is refused at the one canonicaliser', (t) => {
  for (const raw of ['..', '/..', '/a/..', '/a/../b', '../a', '/a\0b', '\0', '/\ud800', '/a/\udfff/b']) {
    t.is(
      codeOf(() => parsePath(raw)),
      'EINVAL',
      JSON.stringify(raw),
    );
  }
  const bytes = [
    [0x2f, 0xff],
    [0x2f, 0xc0, 0xaf],
    [0x2f, 0xed, 0xa0, 0x80],
    [0x2f, 0xc3],
    [0x2f, 0xf4, 0x90, 0x80, 0x80],
  ];
  for (const raw of bytes) {
    t.is(
      codeOf(() => parsePath(Uint8Array.from(raw))),
      'EINVAL',
      raw.join(' '),
    );
  }
});

test('limits are counted in bytes', (t) => {
  t.is(parsePath(`/${'a'.repeat(255)}`).length, 256);
  t.is(
    codeOf(() => parsePath(`/${'a'.repeat(256)}`)),
    'ENAMETOOLONG',
  );
  t.is(
    codeOf(() => parsePath(`/${'ü'.repeat(128)}`)),
    'ENAMETOOLONG',
  );
  t.is(parsePath(`/${'ü'.repeat(127)}`).length, 128);
  t.is(parsePath('/abc'.repeat(1024)).length, 4096);
  t.is(
    codeOf(() => parsePath('/abc'.repeat(1025))),
    'ENAMETOOLONG',
  );
});

test('normal forms of Unicode are different names', (t) => {
  t.not(parsePath('/é'), parsePath('/e\u0301'));
});

test('a byte order mark is part of a name', (t) => {
  t.is(parsePath(Buffer.from('/\ufeffa')), '/\ufeffa' as Path);
});

test('resolvePath goes up, and never past the root', (t) => {
  const base = parsePath('/a/b');
  t.is(resolvePath(base, '..'), '/a' as Path);
  t.is(resolvePath(base, '../../../..'), ROOT);
  t.is(resolvePath(base, 'c/./d/../e'), '/a/b/c/e' as Path);
  t.is(resolvePath(base, '/x/../y'), '/y' as Path);
  t.is(resolvePath(base, ''), base);
});

test('lesson 2: containment is by segment', (t) => {
  t.true(isWithin(parsePath('/proj/x'), parsePath('/proj')));
  t.true(isWithin(parsePath('/proj'), parsePath('/proj')));
  t.false(isWithin(parsePath('/proj-secret'), parsePath('/proj')));
  t.true(isWithin(parsePath('/x'), ROOT));
});

test('parts', (t) => {
  t.is(parentOf(parsePath('/a/b')), '/a' as Path);
  t.is(parentOf(parsePath('/a')), ROOT);
  t.is(parentOf(ROOT), ROOT);
  t.is(nameOf(parsePath('/a/b')), 'b');
  t.is(nameOf(ROOT), '');
  t.deepEqual(segments(parsePath('/a/b')), ['a', 'b']);
  t.is(concat(parsePath('/a'), ROOT), '/a' as Path);
  t.is(concat(ROOT, parsePath('/a')), '/a' as Path);
  t.is(relativeTo(parsePath('/a/b'), parsePath('/a')), '/b' as Path);
  t.is(relativeTo(parsePath('/a'), parsePath('/a')), ROOT);
});

test('whatever goes in, what comes out is canonical and comes out again', (t) => {
  const raw = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom('/', '.', '..', 'a', '\0', 'ü', '\ud800', '%2f', '\\')).map((parts) => parts.join('')),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(raw, (text) => {
        let path: Path;
        try {
          path = parsePath(text);
        } catch (error) {
          return error instanceof VfsError;
        }
        const names = segments(path);
        return (
          parsePath(path) === path &&
          parsePath(Buffer.from(path)) === path &&
          path.startsWith('/') &&
          names.every((name) => parseName(name) === name && name !== '..' && name !== '.') &&
          names.reduce<Path>((parent, name) => join(parent, name), ROOT) === path
        );
      }),
      { numRuns: 5000 },
    ),
  );
});

test('messages of refused names show no control characters', (t) => {
  const error = t.throws(() => parseName('a\n\x1b[31m/'));
  t.notRegex(error?.message ?? '', /[\x00-\x1f]/);
});
