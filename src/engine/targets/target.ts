/** The target hidden state z of an edit, and how it is searched for. */
import type { StepLosses } from './losses.ts';

export interface TargetSettings {
  /** Lz: δ is added to this block's output at the look-up token. */
  readonly layer: number;
  /** v_num_grad_steps: loss evaluations per edit; at most one fewer Adam steps. */
  readonly steps: number;
  /** v_lr: Adam's learning rate for δ. */
  readonly learningRate: number;
  /** v_weight_decay: factor of ‖δ‖ / ‖h0‖². */
  readonly weightDecay: number;
  /** clamp_norm_factor: ‖δ‖ is kept at or below this times ‖h0‖. */
  readonly clampNormFactor: number;
  /** kl_factor: weight of KL(p_δ ‖ p₀) on "{subject} is a". */
  readonly klFactor: number;
}

/** An edit's search stops before the next step once its loss is below this (reference: memit/compute_z.py). */
export const LOSS_THRESHOLD = 5e-2;

export interface EditTarget {
  /** z = h0 + δ, [D]. */
  readonly z: Float32Array;
  /** δ, [D]. */
  readonly delta: Float32Array;
  /** ‖h0‖: the norm of the clean hidden state at the look-up token. */
  readonly initialNorm: number;
  readonly losses: StepLosses[];
}
