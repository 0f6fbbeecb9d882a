/** memit.json is somebody else's file. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { METHODS } from '../../../src/engine/methods/registry.ts';
import { parseEditingNotes } from '../../../src/engine/session/editing-notes.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { openTiny } from '../tiny.ts';

let session: ModelSession;
beforeAll(async () => {
  session = await openTiny();
});
afterAll(() => session.dispose());

it.each(['../../etc/passwd', '/dev/zero', 'C:\\secrets', '..', '', 'a/b', 'https://example.org/x', 'a\nb'])(
  'may not name a file outside the model’s folder: %s',
  (name) => {
    for (const field of ['file', 'text']) {
      const parse = (): unknown =>
        parseEditingNotes(JSON.stringify({ statistics: { [field]: name } }), session.model.config, METHODS);
      expect(parse).toThrow(ModelError);
      expect(parse).toThrow(`memit.json: statistics.${field} is not the name of a file in the model’s folder`);
    }
  },
);

it('may name a file in it', () => {
  const notes = { statistics: { file: 'statistics.safetensors', text: 'my text.txt' } };
  expect(parseEditingNotes(JSON.stringify(notes), session.model.config, METHODS).statistics).toEqual(notes.statistics);
});
