import test from 'ava';
import { parseIf, submittedTokens } from '../../../src/frontends/webdav/if-header.js';

test('untagged and tagged lists are read (RFC 4918 §10.4.2)', (t) => {
  t.deepEqual(parseIf('(<urn:uuid:a> ["etag"]) (Not <urn:uuid:b> [W/"weak"])'), [
    {
      tag: undefined,
      conditions: [
        { not: false, token: 'urn:uuid:a' },
        { not: false, etag: '"etag"' },
      ],
    },
    {
      tag: undefined,
      conditions: [
        { not: true, token: 'urn:uuid:b' },
        { not: false, etag: 'W/"weak"' },
      ],
    },
  ]);
  const tagged = parseIf('</a> (<x:1>)(["e"]) <http://h/b>(not<DAV:no-lock>)');
  t.deepEqual(
    tagged.map(({ tag }) => tag),
    ['/a', '/a', 'http://h/b'],
  );
  t.deepEqual([...submittedTokens(tagged)], ['x:1'], 'what is negated is not submitted');
});

test('broken headers are refused, whatever they are', (t) => {
  const broken = [
    '',
    '   ',
    '(',
    ')',
    '()',
    '<a>',
    '<a>(',
    '(<a>',
    '(<a>))',
    'x',
    '<>(<a>)',
    '(<a> junk)',
    '(["no end])',
    '(Not)',
    '(NotNot <a>)',
    '(<a>) <b>',
    '<a> <b> (<c>)',
    '(<a>) <b> (<c>)',
    '([noquotes])',
    `(${'<a> '.repeat(4000)})`,
  ];
  for (const header of broken) t.throws(() => parseIf(header), { name: 'Refusal' }, header.slice(0, 40));
});

test('a hostile header costs no more than its length', (t) => {
  const hostile = [
    `(${'Not '.repeat(2000)}`,
    `${'<a>'.repeat(2700)}`,
    `${' '.repeat(8100)}x`,
    `(["${'"'.repeat(8000)}`,
  ];
  for (const header of hostile) t.throws(() => parseIf(header), { name: 'Refusal' });
});
