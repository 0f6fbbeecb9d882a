import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EngineError } from '../../../src/engine/errors.ts';
import { companion } from '../../../src/engine/exporting/companion.ts';
import { checkOptions, type Exporter, type ModelExporter } from '../../../src/engine/exporting/exporter.ts';
import { EXPORTERS, exporterOf } from '../../../src/engine/exporting/exporters.ts';
import { patchFile } from '../../../src/engine/exporting/patch.ts';
import { settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { readPatchFile } from '../../../src/engine/patches/patch-file.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect } from '../../../src/engine/weights/safetensors-writer.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { open, tensorFile } from '../weights/support.ts';

const text = (value: string) => new TextEncoder().encode(value);

/** The names of the tensors as a text file. */
const madeUp: ModelExporter<{ separator: string }> = {
  id: 'names',
  label: 'Names',
  help: 'The names of the tensors.',
  subject: 'model',
  options: z.object({
    separator: z.string().max(1).default('\n').meta({ title: 'Separator', description: 'What stands between two.' }),
  }),
  offers: () => [{ label: 'Names', help: 'One a line.', options: { separator: '\n' } }],
  export: async ({ modelName, index }, { separator }) => {
    const bytes = text(index.tensors.map(({ name }) => name).join(separator));
    const parts = {
      size: bytes.length,
      stream: async function* () {
        yield bytes;
      },
    };
    return { name: `${modelName}.txt`, parts };
  },
};

describe('the exporters', () => {
  it('have different ids, and options that say what they are', () => {
    const ids = EXPORTERS.map(({ id }) => id);
    expect(ids).toEqual(['safetensors', 'changed-tensors', 'patch', 'companion']);
    for (const exporter of EXPORTERS) {
      expect(exporterOf(exporter.id)).toBe(exporter);
      const { properties = {} } = z.toJSONSchema(exporter.options);
      for (const property of Object.values(properties)) {
        const { title, description } = property as { title?: string; description?: string };
        expect([typeof title, typeof description]).toEqual(['string', 'string']);
      }
    }
  });

  it('are told apart from those there are not', () => {
    expect(() => exporterOf('gguf')).toThrow(EngineError);
    expect(() => exporterOf('gguf')).toThrow(/no export called “gguf”; there is safetensors, changed-tensors, patch/);
  });

  it('offer their forms with options that they take, each once', () => {
    const offered = (dtype: string) =>
      EXPORTERS.flatMap((exporter) => {
        if (exporter.subject === 'patch') return [];
        return exporter.offers(dtype).map(({ label, options }) => {
          expect(checkOptions(exporter, options)).toEqual(options);
          return label;
        });
      });
    expect(offered('F16')).toEqual(['Full model (F16)', 'Full model (F32)', 'Changed tensors only']);
    expect(offered('F32')).toEqual(['Full model (F32)', 'Changed tensors only']);
  });

  it('check their options', () => {
    const exporter = exporterOf('safetensors');
    expect(checkOptions(exporter, {})).toEqual({ dtype: 'source' });
    expect(checkOptions(exporter, { dtype: 'F32' })).toEqual({ dtype: 'F32' });
    expect(() => checkOptions(exporter, { dtype: 'F8' })).toThrow(EngineError);
    expect(() => checkOptions(exporter, { dtype: 'F8' })).toThrow(/option “dtype” of “Full model”/);
    expect(() => checkOptions(exporter, null)).toThrow(/The options of “Full model”/);
  });

  it('take another one as one object and one entry', async () => {
    const exporters: readonly Exporter[] = [...EXPORTERS, madeUp];
    const exporter = exporterOf('names', exporters);
    expect(exporter.subject).toBe('model');
    if (exporter.subject !== 'model') return;
    const index = TensorIndex.of([await open(await tensorFile(['a', 'b']))]);
    const input = { modelName: 'm', index, changed: new Map<string, Float32Array>(), edits: [] };
    const { name, parts } = await exporter.export(input, checkOptions(exporter, { separator: ' ' }));
    expect([name, await collect(parts)]).toEqual(['m.txt', text('a b')]);
  });
});

describe('the files beside the weights', () => {
  it('are offered and written where the model did not come with them', async () => {
    const index = TensorIndex.of([await open(await tensorFile(['a']))]);
    const companions = new Map([['config.json', memorySource('config.json', text('{"a": 1}'))]]);
    const input = { modelName: 'm', index, changed: new Map<string, Float32Array>(), edits: [] };
    expect(companion.offers('F32')).toEqual([]);
    const [offer] = companion.offers('F32', [...companions.keys()]);
    expect(offer.label).toBe('config.json');
    const { name, parts } = await companion.export({ ...input, companions }, checkOptions(companion, offer.options));
    const bytes = await collect(parts);
    expect([name, bytes, parts.size]).toEqual(['config.json', text('{"a": 1}'), bytes.length]);
    await expect(companion.export(input, { file: 'config.json' })).rejects.toThrow(EngineError);
  });
});

describe('the patch file', () => {
  it('is the patch again', async () => {
    const patch = await readPatchFile(
      await readFile('tests/reference/goldens/demo-export-patch.safetensors'),
      settingsSchemas(),
    );
    const { name, parts } = await patchFile.export({ modelName: 'Demo', patch: { ...patch, name: 'A → B' } }, {});
    expect(name).toBe('demo-a-b-patch.safetensors');
    const bytes = await collect(parts);
    expect(bytes.length).toBe(parts.size);
    expect(await readPatchFile(bytes, settingsSchemas())).toEqual({ ...patch, name: 'A → B' });
  });
});
