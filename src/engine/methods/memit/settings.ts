/** The settings of a MEMIT run and their bounds. Names in the reference's hparams files stand at the end of each comment. */
import { z } from 'zod';
import { layersSetting } from '../setting-fields.ts';

export const memitSettingsSchema = z.object({
  /** Edited layers, ascending and distinct; z is optimised at the last one (layers). */
  layers: layersSetting('Layers', 'The layers whose weights are changed; the last of them is where z is sought.'),
  /** Loss evaluations per edit; at most one fewer Adam steps (v_num_grad_steps). */
  steps: z.number().int().min(1).max(1000).meta({
    title: 'Steps',
    description: 'How often the loss is looked at while z is sought; an edit that is good enough stops earlier.',
  }),
  /** Adam's learning rate for δ (v_lr). */
  learningRate: z
    .number()
    .positive()
    .max(10)
    .meta({ title: 'Learning rate', description: 'How far one step of the search goes (Adam).' }),
  /** Factor of ‖δ‖ / ‖h0‖² (v_weight_decay). */
  weightDecay: z.number().nonnegative().meta({
    title: 'Weight decay',
    description: 'How strongly a long δ is punished: more keeps the edit smaller.',
  }),
  /** ‖δ‖ is kept at or below this times ‖h0‖ (clamp_norm_factor). */
  clampNormFactor: z.number().positive().meta({
    title: 'Clamp',
    description: 'How long δ may get at most, as a share of the hidden state it is added to.',
  }),
  /** Weight of KL(p_δ ‖ p₀) on "{subject} is a" (kl_factor). */
  klFactor: z.number().nonnegative().meta({
    title: 'KL factor',
    description: 'How strongly the model’s general idea of the subject is held while δ is sought.',
  }),
  /** λ: weight of the statistics against the new keys (mom2_update_weight). */
  covarianceWeight: z.number().positive().meta({
    title: 'λ',
    description:
      'How much the statistics of ordinary text weigh against the new facts: larger disturbs less and edits less.',
  }),
  /** Of the sampler that writes the context templates. */
  seed: z.number().int().nonnegative().meta({
    title: 'Seed',
    description: 'Start of the random numbers that write the context sentences; the same seed gives the same run.',
  }),
});

export type MemitSettings = z.infer<typeof memitSettingsSchema>;
