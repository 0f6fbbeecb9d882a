#!/usr/bin/env node
/**
 * `npm run goldens`: how every golden file is made, and which are out of date: a golden names the program that wrote it and the
 * SHA-256 of that program's text, which is compared with the text as it is now.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REFERENCE = fileURLToPath(new URL('../tests/reference/', import.meta.url));
const PYTHON = '.venv/bin/python';

/**
 * The command that runs MEMIT's oracle; requests and contexts are files in data/, `out` in goldens/.
 * @param {{ model: string, requests: string, contexts: string, statistics: string, settings: string, out: string }} run
 */
function memit({ model, requests, contexts, statistics, settings, out }) {
  return lines(
    `${PYTHON} tests/reference/memit_oracle.py --model ${model}`,
    `--requests tests/reference/data/${requests} --contexts tests/reference/data/${contexts}`,
    `--compute-stats ${statistics}`,
    `${settings} --out tests/reference/goldens/${out}`,
  );
}

/**
 * The command that runs the oracle of causal traces; facts are a file in data/, `out` in goldens/.
 * @param {{ model: string, facts: string, settings: string, out: string }} run
 */
function trace({ model, facts, settings, out }) {
  return lines(
    `${PYTHON} tests/reference/trace_oracle.py --model ${model} --facts tests/reference/data/${facts}`,
    `${settings} --out tests/reference/goldens/${out}`,
  );
}

/**
 * The golden of a family, of the model that data/families/NAME.json describes.
 * @param {string} name
 */
function family(name) {
  return {
    file: `family-${name}.json`,
    program: 'family_oracle.py',
    command: lines(
      `${PYTHON} tests/reference/family_oracle.py`,
      `--config tests/reference/data/families/${name}.json --name ${name}`,
    ),
  };
}

/** @param {string[]} parts of one command */
function lines(...parts) {
  return parts.join(' \\\n    ');
}

/** Every file in goldens/, the program in tests/reference that writes it (null: none here), and its command. */
export const GOLDENS = [
  {
    file: 'tiny-gpt2.json',
    program: 'tiny_gpt2.py',
    command: `${PYTHON} tests/reference/tiny_gpt2.py`,
  },
  family('gpt2'),
  family('gpt2-scaled'),
  family('gpt_neo'),
  family('gptj'),
  family('gpt_neox'),
  family('gpt_neox-sequential'),
  family('opt'),
  family('opt-unbiased'),
  family('llama'),
  family('llama-tied'),
  family('mistral'),
  family('qwen2'),
  family('qwen3'),
  family('phi3'),
  family('gemma2'),
  family('gemma3_text'),
  {
    file: 'stories260k.json',
    program: 'stories260k.py',
    command: `${PYTHON} tests/reference/stories260k.py --source FOLDER_OF_STORIES260K`,
  },
  {
    file: 'tiny-memit.json',
    program: 'memit_oracle.py',
    command: memit({
      model: 'tests/reference/models/tiny-gpt2',
      requests: 'tiny-requests.json',
      contexts: 'tiny-contexts.json',
      statistics: 'tests/reference/data/tiny-statistics.txt',
      settings: '--layers 0,1,2 --steps 20 --clamp 0.75 --lambda 10',
      out: 'tiny-memit.json',
    }),
  },
  {
    file: 'demo-memit.json',
    program: 'memit_oracle.py',
    command: memit({
      model: 'public/models/demo',
      requests: 'demo-requests.json',
      contexts: 'contexts.json',
      statistics: 'public/models/demo/statistics.txt',
      settings: '--prompts tests/reference/data/demo-prompts.json --layers 0,1,2,3 --steps 25 --clamp 0.6 --lambda 200',
      out: 'demo-memit.json',
    }),
  },
  {
    file: 'smollm2-memit.json',
    program: 'real_model_golden.py',
    command: lines(
      `${PYTHON} tests/reference/real_model_golden.py --run ../shared/models/smollm2-135m/golden --tokens 100000`,
      '--out tests/reference/goldens/smollm2-memit.json',
    ),
  },
  {
    file: 'smollm2-trace.json',
    program: 'real_model_trace_golden.py',
    command:
      `${PYTHON} tests/reference/real_model_trace_golden.py --run ../shared/models/smollm2-135m/trace-average.json ` +
      '--out tests/reference/goldens/smollm2-trace.json',
  },
  {
    file: 'tiny-trace.json',
    program: 'trace_oracle.py',
    command: trace({
      model: 'tests/reference/models/tiny-gpt2',
      facts: 'tiny-trace.json',
      settings: '--samples 4 --window 3',
      out: 'tiny-trace.json',
    }),
  },
  {
    file: 'demo-trace.json',
    program: 'trace_oracle.py',
    command: trace({
      model: 'public/models/demo',
      facts: 'demo-trace.json',
      settings: '--samples 10 --window 10',
      out: 'demo-trace.json',
    }),
  },
  {
    file: 'demo-evaluation.json',
    program: 'evaluation_oracle.py',
    command: lines(
      `${PYTHON} tests/reference/evaluation_oracle.py --model public/models/demo --records 50`,
      '--layers 0,1,2,3 --scale 0.3 --out tests/reference/goldens/demo-evaluation.json',
    ),
  },
  {
    file: 'demo-zsre.json',
    program: 'zsre_oracle.py',
    command: lines(
      `${PYTHON} tests/reference/zsre_oracle.py --model public/models/demo --zsre zsre_mend_eval.json --records 50`,
      '--layers 0,1,2,3 --scale 0.5 --out tests/reference/goldens/demo-zsre.json',
    ),
  },
  {
    file: 'demo-texts.json',
    program: 'text_oracle.py',
    command: lines(
      `${PYTHON} tests/reference/text_oracle.py --model public/models/demo --records 50`,
      '--out tests/reference/goldens/demo-texts.json',
    ),
  },
  {
    file: 'lens.json',
    program: 'lens_oracle.py',
    command: lines(
      `${PYTHON} tests/reference/lens_oracle.py --models gpt2,gptj,opt,llama,gemma2`,
      '--out tests/reference/goldens/lens.json',
    ),
  },
  {
    file: 'demo-export-patch.safetensors',
    program: null,
    command: lines(
      'npm run memit -- edit --model public/models/demo --requests tests/reference/data/demo-export-requests.json',
      '--contexts tests/reference/data/contexts.json --out edited',
      '&& cp edited/patch.safetensors tests/reference/goldens/demo-export-patch.safetensors',
    ),
  },
  {
    file: 'demo-export.json',
    program: 'check_export.py',
    command: lines(
      `${PYTHON} tests/reference/check_export.py --model public/models/demo --weights edited/model.safetensors`,
      '--prompts tests/reference/data/demo-prompts.json --out tests/reference/goldens/demo-export.json',
    ),
  },
  {
    file: 'demo-predictions.json',
    program: 'demo_predictions.py',
    command: lines(
      `${PYTHON} tests/reference/demo_predictions.py --model public/models/demo`,
      '--prompts tests/reference/data/demo-prompts.json --out tests/reference/goldens/demo-predictions.json',
    ),
  },
  ...['gguf-blocks.json', 'gguf-models.json', 'gguf-tokenizers.json'].map((file) => ({
    file,
    program: 'gguf_oracle.py',
    command: `${PYTHON} tests/reference/gguf_oracle.py`,
  })),
  ...['tokenizer-forms.json', 'tokenizer-real.json'].map((file) => ({
    file,
    program: 'tokenizer_oracle.py',
    command: `${PYTHON} tests/reference/tokenizer_oracle.py --smollm2 FOLDER --gemma3 FILE.gguf`,
  })),
  {
    file: 'npz-statistics.json',
    program: 'npz_oracle.py',
    command: `${PYTHON} tests/reference/npz_oracle.py`,
  },
  {
    file: 'tiny-known-facts.json',
    program: 'known_facts_oracle.py',
    command: `${PYTHON} tests/reference/known_facts_oracle.py`,
  },
  { file: 'lookup-gpt2.json', program: 'lookup_oracle.py', command: `${PYTHON} tests/reference/lookup_oracle.py` },
  {
    file: 'lookup-llama-form.json',
    program: 'lookup_oracle.py',
    command: `${PYTHON} tests/reference/lookup_oracle.py`,
  },
];

/**
 * Whether a golden was written by its program as it is now.
 * @param {{ file: string, program: string | null }} golden
 * @param {string} [folder] tests/reference, or a copy of it
 * @returns {'up to date' | 'out of date' | 'unknown' | 'missing' | 'made without a program'}
 */
export function stateOf({ file, program }, folder = REFERENCE) {
  const path = join(folder, 'goldens', file);
  if (!existsSync(path)) return 'missing';
  if (program === null) return 'made without a program';
  const recorded = JSON.parse(readFileSync(path, 'utf8')).program;
  if (recorded?.name !== program || typeof recorded.sha256 !== 'string') return 'unknown';
  const present = createHash('sha256')
    .update(readFileSync(join(folder, program)))
    .digest('hex');
  return present === recorded.sha256 ? 'up to date' : 'out of date';
}

/** Files in goldens/ that the table does not say how to make. */
export function unlisted(folder = REFERENCE) {
  const known = new Set(GOLDENS.map(({ file }) => file));
  return readdirSync(join(folder, 'goldens')).filter((file) => !known.has(file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const golden of GOLDENS) console.log(`${golden.file} (${stateOf(golden)})\n    ${golden.command}\n`);
  for (const file of unlisted()) console.log(`${file} (not in the table of scripts/goldens.mjs)\n`);
}
