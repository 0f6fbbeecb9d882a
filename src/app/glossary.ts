/** The words of the field that the page uses, each in one plain sentence; shown as tips and in the help. */
export const glossary = {
  subject: 'The thing a fact is about, such as “Eiffel Tower”.',
  relation: 'What is said about the subject, as a sentence with {} in place of the subject: “{} is located in”.',
  object: 'The answer: what the model should say after the prompt once it is edited.',
  'look-up token': 'The last token of the subject, where the model’s middle layers look up what they know about it.',
  token: 'A piece of a word as the model reads it; “·” marks a leading space.',
  'z (target state)': 'The hidden state at the look-up token that would make the model say the new object.',
  δ: 'What is added to the hidden state to reach z; found by gradient descent, one step at a time.',
  λ: 'How much the statistics of ordinary text weigh against the new facts: larger means gentler edits.',
  ΔW: 'The change that is made to a layer’s weights; ‖ΔW‖/‖W‖ is its size relative to the weights.',
  'singular values':
    'How far a change stretches along each of its directions, the strongest first: of n edits there are at most n.',
  key: 'What a layer’s memory is asked with: the numbers that go into the MLP’s last matrix at a token.',
  residual: 'How far the hidden state still is from z before a layer’s weights are changed.',
  NLL: 'Negative log-likelihood of the new object: small when the model finds it likely.',
  KL: 'How much the model’s idea of what the subject is drifts while δ is sought.',
  decay: 'A penalty on the length of δ that keeps the change small.',
  paraphrase: 'The same question in other words; after a good edit its answer changes too.',
  neighbour: 'Another subject that shares the old answer; after a good edit its answer stays.',
  efficacy: 'Share of the edits whose own prompt now gives the new object.',
  generalization: 'Share of the paraphrases that now give the new object.',
  specificity: 'Share of the neighbours that still give their old answer.',
  ES: 'Efficacy success: share of the edits’ own prompts after which the new object is likelier than the true one.',
  PS: 'Paraphrase success: the same for other wordings of the prompt.',
  NS: 'Neighbourhood success: share of the neighbours’ prompts after which the true object stays likelier than the new one.',
  S: 'Score: the harmonic mean of ES, PS and NS, low as soon as one of them is.',
  magnitude: 'Mean difference between the probabilities of the right object and of the other one.',
  accuracy: 'Share of the prompts after which every token of the right object is the likeliest one.',
  'token accuracy':
    'Share of the right answer’s tokens that the model finds likeliest, given those before them: zsRE’s efficacy, paraphrase and specificity.',
  GE: 'Generation entropy, fluency: how varied the words of texts are that the model writes about the subjects; it falls when the model repeats itself.',
  RS: 'Reference score, consistency: how alike the model’s texts and reference texts about the new object are.',
  damage:
    'What edits did to everything else: facts that nobody edited, ordinary text, and the next words after neutral prompts.',
  perplexity: 'How many next tokens the model wavers between on text it has not seen; it rises as a model breaks.',
  margin:
    'By how many nats per token the right object is likelier than the other one; below zero the model prefers the other.',
  'causal trace':
    'A test of where a fact is recalled: the subject is blurred by noise, then one hidden state at a time is put back.',
  lens: 'What the model would say if it ended after a layer: its last norm and output matrix are put on what that layer makes (logit lens).',
  rank: 'How many tokens a layer finds more probable, plus one: 1 is what it would say.',
  corrupted: 'Run with noise added to the subject’s tokens, so that the model hardly knows what it is asked about.',
  'indirect effect': 'By how many percentage points putting one state back raises the probability of the answer.',
  'total effect': 'By how many percentage points corrupting the subject lowers the probability of the answer.',
  severed:
    'The restored token’s MLPs, or its attention, are held (“frozen”) as in the corrupted run: what is lost went through them.',
  patch: 'The weight changes of one run, kept apart from the model, so they can be switched off, saved and shared.',
} as const;

export type GlossaryTerm = keyof typeof glossary;
