// @ts-check
/** Lint rules: types used strictly, hooks used rightly, and imports that only point down the architecture. */
import boundaries from 'eslint-plugin-boundaries';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The engine's folders, lowest first, each with those it may import from. Errors, jobs, extents, random numbers and texts are open to
 * all of them.
 * @type {Record<string, string[]>}
 */
const ENGINE_LAYERS = {
  graph: [],
  runtime: [],
  weights: [],
  tokens: [],
  sources: ['weights'],
  linalg: ['runtime'],
  families: ['graph'],
  model: ['graph', 'runtime', 'weights', 'linalg', 'families'],
  statistics: ['graph', 'runtime', 'weights', 'tokens', 'linalg', 'model'],
  lens: ['model'],
  tracing: ['runtime', 'tokens', 'linalg', 'model'],
  patches: ['runtime', 'weights', 'linalg', 'model'],
  targets: ['runtime', 'weights', 'tokens', 'linalg', 'model'],
  methods: ['runtime', 'tokens', 'linalg', 'families', 'model', 'statistics', 'patches', 'targets'],
  evaluation: ['runtime', 'tokens', 'linalg', 'model', 'targets'],
  knowledge: ['tokens', 'sources', 'model', 'evaluation'],
  exporting: ['weights', 'patches'],
  session: [
    'runtime',
    'weights',
    'tokens',
    'sources',
    'linalg',
    'families',
    'model',
    'statistics',
    'lens',
    'tracing',
    'patches',
    'targets',
    'methods',
    'evaluation',
    'knowledge',
    'exporting',
  ],
};
const ENGINE_FOLDERS = Object.keys(ENGINE_LAYERS);
const ENGINE = ENGINE_FOLDERS;

const ARCHITECTURE = {
  default: 'disallow',
  message:
    '{{ from.element.types }} must not import {{ to.element.types }}: imports point from the page to the worker’s ' +
    'messages, from the worker and the command line to the engine, and inside the engine downwards (eslint.config.js).',
  policies: [
    ...['app', 'worker', 'cli', 'shaders', ...ENGINE].map((type) => ({
      from: { element: { type } },
      allow: { to: { element: { type } } },
    })),
    // The page speaks to the worker through its messages and knows the engine's types only.
    { from: { element: { type: 'app' } }, allow: { to: { file: { categories: 'worker-contract' } } } },
    {
      from: { element: { type: 'app' } },
      allow: { to: { element: { types: { anyOf: ENGINE } } }, dependency: { kind: 'type' } },
    },
    // The two ways to run the engine.
    {
      from: { element: { types: { anyOf: ['worker', 'cli'] } } },
      allow: { to: { element: { types: { anyOf: [...ENGINE, 'shaders'] } } } },
    },
    // The engine's own order.
    ...Object.entries(ENGINE_LAYERS)
      .filter(([, below]) => below.length > 0)
      .map(([type, below]) => ({
        from: { element: { type } },
        allow: { to: { element: { types: { anyOf: below } } } },
      })),
    { from: { element: { types: { anyOf: ENGINE } } }, allow: { to: { element: { type: 'shaders' } } } },
    { allow: { to: { file: { categories: 'common' } } } },
  ],
};

const NO_DOM = 'The engine runs in a worker and in Node: take this from the caller.';

export default defineConfig(
  globalIgnores([
    '.cache/',
    '.venv/',
    'dist/',
    'public/',
    'test-results/',
    'playwright-report/',
    'tests/reference/',
    'src/engine/graph/onnx/onnx_pb.ts',
  ]),
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // Messages are full of counts and shapes.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An index that a loop has just bounded is not a doubt worth a branch in the innermost loop.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // Spreading a string by code points is what tokenizers do.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // A device or weight set is told from its kin by a field, which this rule cannot see.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // An implementation of an asynchronous interface may have its answer at hand.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { boundaries },
    settings: {
      'boundaries/include': ['src/**/*', 'shaders/**/*'],
      'boundaries/elements': [
        ...ENGINE_FOLDERS.map((type) => ({ type, pattern: `src/engine/${type}`, partialMatch: false })),
        { type: 'worker', pattern: 'src/worker', partialMatch: false },
        { type: 'cli', pattern: 'src/cli', partialMatch: false },
        { type: 'app', pattern: 'src/app', partialMatch: false },
        { type: 'shaders', pattern: 'shaders', partialMatch: false },
      ],
      'boundaries/files': [
        { category: 'common', pattern: 'src/engine/{errors,extent,job,random,remembered,text,interval}.ts' },
        {
          category: 'worker-contract',
          pattern: 'src/worker/{api,benchmark-api,knowledge-api,lens-api,models-api,trace-api,client}.ts',
        },
      ],
    },
    rules: {
      // Arguments are limited in number: lists of a length that the user chooses must not become any.
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.object.name="Math"] > SpreadElement',
          message: 'Lists may be too long to be arguments: use largest() and smallest().',
        },
      ],
      'boundaries/dependencies': ['error', ARCHITECTURE],
      'boundaries/no-unknown-files': 'error',
    },
  },
  {
    files: ['src/engine/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex:
                '^(node:|(assert|buffer|child_process|crypto|events|fs|http|https|module|os|path|process|stream|url|util|' +
                'worker_threads|zlib)(/|$))',
              message: NO_DOM,
            },
            { regex: '^(react|react-dom|zustand|idb|comlink|recharts|radix-ui)(/|$)', message: NO_DOM },
            { regex: '^onnxruntime-web', message: 'The runtime gets its onnxruntime module from the caller.' },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        ...[
          'window',
          'document',
          'self',
          'location',
          'history',
          'navigator',
          'localStorage',
          'sessionStorage',
          'indexedDB',
          'caches',
          'Worker',
          'alert',
          'process',
          'Buffer',
          'global',
          'require',
          '__dirname',
          '__filename',
        ].map((name) => ({ name, message: NO_DOM })),
      ],
    },
  },
  {
    files: ['src/app/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat.recommended],
    // The stores' actions are closures; taking one out of its store is how they are used.
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['**/*.{js,mjs}'],
    extends: [tseslint.configs.strict, tseslint.configs.stylistic],
    // tsc checks these files from their doc comments.
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
