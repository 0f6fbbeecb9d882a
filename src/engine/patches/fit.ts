/** Whether a patch belongs to the model that is open. */
import { PatchError } from '../errors.ts';
import type { ModelIdentity } from '../weights/model-hash.ts';
import type { Patch } from './patch.ts';
import { weightShape } from './weight-delta.ts';

/** What a patch is checked against: the open model. */
export interface PatchTarget {
  readonly identity: Pick<ModelIdentity, 'is'>;
  readonly name: string;
  /** Shapes of the weights by their names in the files. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
}

/** @throws PatchError when the patch was made with another model, or edits a weight this one lacks or has in another shape. */
export async function assertPatchFits(patch: Patch, model: PatchTarget): Promise<void> {
  const advice = { kept: `“${model.name}” and its history are as they were.` };
  if (!(await model.identity.is(patch.modelHash))) {
    const same = patch.modelName === model.name ? ' with other weights or another config' : '';
    throw new PatchError(
      `The patch “${patch.name}” was made with the model “${patch.modelName}”${same}; the open model is “${model.name}”.`,
      { ...advice, next: `Open “${patch.modelName}” as it was when the patch was made, then import the patch again.` },
    );
  }
  for (const delta of patch.deltas) {
    const shape = model.tensors.get(delta.tensor);
    const wanted = weightShape(delta);
    if (shape?.join() === wanted.join()) continue;
    const found = shape ? `has it as [${shape.join(', ')}]` : 'has no such weight';
    throw new PatchError(
      `The patch “${patch.name}” edits “${delta.tensor}” [${wanted.join(', ')}]; the model “${model.name}” ${found}.`,
      advice,
    );
  }
}
