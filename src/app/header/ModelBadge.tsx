/** Which model is loaded, how large it is, and where it runs and why. */
import { formatBytes, formatCount, formatParameters, formatPlural } from '../format.ts';
import { Tip } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { backendChoice } from '../store/model.ts';
import { MemoryUse } from './MemoryUse.tsx';
import styles from './ModelBadge.module.css';
import { webgpuAdvice } from './webgpu-advice.ts';

export function ModelBadge() {
  const model = useStore((state) => state.model);
  if (!model) return <p className={styles.none}>No model loaded</p>;
  const { backend } = model;
  // Who asked for the CPU needs no advice.
  const chosen = backendChoice(location.search) === 'wasm';
  const advice = backend.kind === 'webgpu' || chosen ? '' : ` ${webgpuAdvice(navigator.userAgent)}`;
  const shape = (
    <>
      {model.architecture}, {formatPlural(model.layerCount, 'layer')}, hidden size {formatCount(model.hiddenSize)},
      inner size {formatCount(model.intermediateSize)}, {formatPlural(model.vocabularySize, 'token')} in the vocabulary,
      context of {formatPlural(model.contextLength, 'token')}, weights in {model.dtype}.{' '}
      {model.beginText === null
        ? 'Prompts and texts begin as they are.'
        : `Every prompt and every text of the statistics begins with ${model.beginText}.`}
      {model.unusableTokens.length > 0 &&
        ` The model has no embedding for ${model.unusableTokens.join(', ')} of its tokenizer: texts with these are refused.`}
    </>
  );
  return (
    <div className={styles.badge}>
      <Tip className={styles.part} text={shape}>
        <strong>{model.name}</strong> <span>{formatParameters(model.parameters)} parameters</span>{' '}
        <span>{formatBytes(model.bytes)}</span>
      </Tip>
      <div className={styles.row}>
        <Tip className={styles.part} text={backend.reason + advice}>
          <span className={styles.backend}>
            {backend.kind === 'webgpu' ? 'WebGPU' : 'CPU'}: {backend.name}
          </span>
        </Tip>
        <MemoryUse />
      </div>
    </div>
  );
}
