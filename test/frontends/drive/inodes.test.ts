import test from 'ava';
import { Inodes } from '../../../src/frontends/drive/inodes.js';
import type { Node } from '../../../src/vfs/view.js';
import { p } from '../../support/namespace.js';

const node = (more: Partial<Node> = {}): Node => ({
  name: '',
  kind: 'file',
  size: 0,
  mtime: 0,
  etag: '',
  writable: true,
  mountPoint: false,
  device: 1,
  ...more,
});
const directory = node({ kind: 'directory' });

function tree() {
  const inodes = new Inodes();
  const bind = (parent: ReturnType<Inodes['get']>, name: string, found: Node) => {
    const inode = inodes.bind(parent, name, found);
    inode.lookups++;
    return inode;
  };
  const d = bind(inodes.root, 'd', directory);
  const e = bind(d, 'e', directory);
  const f = bind(e, 'f', node());
  return { inodes, bind, d, e, f };
}

test('paths follow renames, of the node and above it', (t) => {
  const { inodes, d, e, f } = tree();
  t.is(inodes.pathOf(f), p('/d/e/f'));
  inodes.move(d, 'e', inodes.root, 'x');
  t.is(inodes.pathOf(f), p('/x/f'));
  inodes.move(e, 'f', d, 'g');
  t.is(inodes.pathOf(f), p('/d/g'));
  t.is(inodes.find(p('/d/g')), f);
  t.is(inodes.find(p('/x/f')), undefined);
});

test('what is replaced loses its name and stays until it is forgotten', (t) => {
  const { inodes, bind, e, f } = tree();
  const g = bind(e, 'g', node());
  inodes.move(e, 'f', e, 'g');
  t.is(inodes.pathOf(f), p('/d/e/g'));
  t.throws(() => inodes.pathOf(g), { code: 'ESTALE' });
  t.is(inodes.get(g.id), g);
  inodes.forget(g.id, 1);
  t.throws(() => inodes.get(g.id), { code: 'ESTALE' });
});

test('a folder stays as long as anything below is known', (t) => {
  const { inodes, d, e, f } = tree();
  inodes.forget(d.id, 1);
  inodes.forget(e.id, 1);
  t.is(inodes.pathOf(f), p('/d/e/f'));
  inodes.forget(f.id, 1);
  t.is(inodes.size, 1);
});

test('another kind under the name is another node; the same kind is the same', (t) => {
  const { inodes, bind, e, f } = tree();
  t.is(bind(e, 'f', node({ size: 9 })), f);
  const other = bind(e, 'f', directory);
  t.not(other, f);
  t.throws(() => inodes.pathOf(f), { code: 'ESTALE' });
});

test('names of one file are one node', (t) => {
  const { inodes, bind, d, e, f } = tree();
  const two = node({ links: 2, id: '77' });
  inodes.link(f, d, 'second', two);
  t.is(bind(d, 'second', two), f);
  t.is(bind(d, 'third', node({ links: 3, id: '77' })), f, 'found by its id at the storage');
  t.not(bind(d, 'other', node({ links: 2, id: '77', device: 2 })), f, 'another mount');
  inodes.unbind(e, 'f');
  t.is(inodes.pathOf(f), p('/d/second'));
  const replaced = bind(d, 'second', node({ links: 1, id: '99' }));
  t.not(replaced, f, 'the name means another file now');
  t.is(inodes.pathOf(f), p('/d/third'));
});

test('numbers are not used twice', (t) => {
  const { inodes, bind, e, f } = tree();
  inodes.unbind(e, 'f');
  inodes.forget(f.id, 1);
  t.true(bind(e, 'f', node()).id > f.id);
});
