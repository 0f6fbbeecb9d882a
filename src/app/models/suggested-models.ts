/** Models to begin with. Sizes are those of the weights that are downloaded. */

export interface SuggestedModel {
  /** On the hub. */
  id: string;
  parameters: number;
  bytes: number;
  /** What it takes to run and edit it, in a few words. */
  needs: string;
  /** Its makers want a licence to be accepted first. */
  gated: boolean;
  /** Edits of it were measured with this playground. */
  measured: boolean;
}

const MB = 1e6;
const GB = 1e9;

export const SUGGESTED_MODELS: readonly SuggestedModel[] = [
  {
    id: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    parameters: 135e6,
    bytes: 269 * MB,
    needs: 'runs anywhere',
    gated: false,
    measured: true,
  },
  {
    id: 'openai-community/gpt2',
    parameters: 124e6,
    bytes: 548 * MB,
    needs: 'runs anywhere',
    gated: false,
    measured: false,
  },
  {
    id: 'EleutherAI/pythia-160m',
    parameters: 162e6,
    bytes: 375 * MB,
    needs: 'runs anywhere',
    gated: false,
    measured: false,
  },
  { id: 'google/gemma-3-270m', parameters: 268e6, bytes: 536 * MB, needs: 'wants a GPU', gated: true, measured: false },
  {
    id: 'openai-community/gpt2-medium',
    parameters: 355e6,
    bytes: 1.52 * GB,
    needs: 'wants a GPU with 2 GB',
    gated: false,
    measured: false,
  },
  {
    id: 'Qwen/Qwen2.5-0.5B',
    parameters: 494e6,
    bytes: 988 * MB,
    needs: 'wants a GPU with 2 GB',
    gated: false,
    measured: false,
  },
  {
    id: 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
    parameters: 1.1e9,
    bytes: 2.2 * GB,
    needs: 'wants a GPU with 4 GB',
    gated: false,
    measured: false,
  },
  {
    id: 'meta-llama/Llama-3.2-1B',
    parameters: 1.24e9,
    bytes: 2.47 * GB,
    needs: 'wants a GPU with 4 GB',
    gated: true,
    measured: false,
  },
];
