import test from 'ava';
import { childrenOf, elementsOf, parseXml } from '../../../src/frontends/webdav/xml/reader.js';
import { escapeXml, serialize, serializeChildren } from '../../../src/frontends/webdav/xml/writer.js';

const xml = (text: string) => parseXml(Buffer.from(text));

test('namespaces count, prefixes do not', (t) => {
  const root = xml('<a:propfind xmlns:a="DAV:"><prop xmlns="DAV:"><x xmlns="urn:x"/></prop></a:propfind>');
  t.like(root, { namespace: 'DAV:', local: 'propfind' });
  const [prop] = childrenOf(root, 'DAV:', 'prop');
  t.like(elementsOf(prop!)[0], { namespace: 'urn:x', local: 'x' });
});

test('a value means the same when it is taken out of its document (RFC 4918 §4.3)', (t) => {
  const root = xml(
    '<D:prop xmlns:D="DAV:" xmlns:p="urn:p" xml:lang="de"><p:v p:a="1" p:b="2" c="&lt;"><q>x &amp; y</q><p:r/><![CDATA[<z>]]></p:v></D:prop>',
  );
  const value = serialize(elementsOf(root)[0]!);
  const again = xml(value);
  t.like(again, { namespace: 'urn:p', local: 'v', language: 'de' });
  t.is(serialize(again), value, 'and stays as it is from then on');
  t.deepEqual(
    again.attributes
      .filter(({ prefix }) => prefix !== 'xml')
      .map(({ namespace, local, value: v }) => [namespace, local, v]),
    [
      ['urn:p', 'a', '1'],
      ['urn:p', 'b', '2'],
      ['', 'c', '<'],
    ],
  );
  t.is(again.children.at(-1), '<z>');
  t.is(serializeChildren(xml('<o><h xmlns="DAV:">me</h></o>')), '<h xmlns="DAV:">me</h>');
});

test('what could cost more than it weighs is refused', (t) => {
  const refused = [
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<a>&unknown;</a>',
    `${'<a>'.repeat(65)}${'</a>'.repeat(65)}`,
    `<a>${'<b/>'.repeat(9000)}</a>`,
    '<a',
    '<a></b>',
    '<a/><b/>',
    '<x:a/>',
    '',
    'text',
    '<a xmlns:p=""/>',
    '<a b="1" b="2"/>',
  ];
  for (const text of refused) t.throws(() => xml(text), { name: 'Refusal' }, text.slice(0, 40));
  t.throws(() => parseXml(Buffer.from([0x3c, 0x61, 0xff, 0x3e])), { name: 'Refusal' }, 'not UTF-8');
  t.notThrows(() => xml(`${'<a>'.repeat(64)}${'</a>'.repeat(64)}`));
});

test('UTF-16 is understood', (t) => {
  t.is(parseXml(Buffer.from('\ufeff<a>ü</a>', 'utf16le')).children[0], 'ü');
});

test('what XML cannot say does not break the document', (t) => {
  t.is(escapeXml('a&b<c>"d"'), 'a&amp;b&lt;c&gt;&quot;d&quot;');
  t.is(escapeXml('\x01x\x1f\ufffe'), '\ufffdx\ufffd\ufffd');
  t.is(escapeXml('tab\tline\n'), 'tab\tline\n');
});
