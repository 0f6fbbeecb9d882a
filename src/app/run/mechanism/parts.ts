/** What the picture's parts are, each in a sentence. Pure. */
import { glossary } from '../../glossary.ts';

export const PART_IDS = ['subject', 'relation', 'key', 'memory', 'kept', 'target', 'residual', 'object'] as const;

export type PartId = (typeof PART_IDS)[number];

export const PARTS: Readonly<Record<PartId, { name: string; sentence: string }>> = {
  subject: {
    name: 'subject and look-up token',
    sentence: `${glossary['look-up token']} Here the edit is made; press another token to aim it there.`,
  },
  relation: {
    name: 'relation',
    sentence: 'The rest of the prompt. Its last token reads, by attention, what the layers wrote at the subject.',
  },
  key: {
    name: 'k',
    sentence:
      'The key: what goes into a layer’s last matrix at the look-up token, the mean over several contexts. The layer’s memory is asked with it.',
  },
  memory: {
    name: 'W',
    sentence:
      'The memory: the MLP’s last matrix answers a key with a value. The edit adds ΔW, so that k now reads its share of what is missing to z.',
  },
  kept: {
    name: 'C',
    sentence:
      'What must stay: the keys of ordinary text, as second moments C. Of all ΔW that answer k, the one that changes their answers least is taken; λ says how much they weigh.',
  },
  target: {
    name: 'z',
    sentence:
      'The target: the hidden state h + δ with which the model says the new object. Gradient descent finds δ first; the weights come after.',
  },
  residual: {
    name: 'residual',
    sentence:
      'What is missing to z. Every layer, from the lowest, closes its share of what is left; the layers above see what those below wrote.',
  },
  object: {
    name: 'object',
    sentence: 'What the model is to say. Its probability with h + δ in place, per token, over all contexts.',
  },
};

export const OVERVIEW =
  'Read it upwards: at the subject’s last token the edited layers add to the hidden state until it is z; from there attention carries it to the end of the prompt. Point at a part to read what it does.';
