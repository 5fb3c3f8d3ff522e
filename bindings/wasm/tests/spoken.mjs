// Holds a voice to `vectors/voice/spoken.json`, under Node and in a browser.

/** The strength of each twentieth of a second. */
function envelope(samples) {
  const strength = (part) => Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length);
  return Array.from({ length: Math.ceil(samples.length / 1200) }, (_, i) => strength(samples.subarray(i * 1200, (i + 1) * 1200)));
}

/** Throws where it says something else; gives seconds of sound. */
export function compare(voice, { text, speed, seed, sample_rate: rate, base, phrases }) {
  const fail = (what) => { throw new Error(what); };
  if (voice.sampleRate !== rate || voice.digest !== base) fail(`${voice.digest} at ${voice.sampleRate}`);
  const said = [...voice.speak(text, { speed, seed: BigInt(seed) })];
  if (said.length !== phrases.length) fail(`${said.length} phrases, not ${phrases.length}`);
  said.forEach(({ samples }, i) => {
    if (samples.length !== phrases[i].samples) fail(`phrase ${i}: ${samples.length} samples, not ${phrases[i].samples}`);
    const loudest = Math.max(...phrases[i].envelope);
    envelope(samples).forEach((strength, at) => {
      if (Math.abs(strength - phrases[i].envelope[at]) > 0.02 * loudest) fail(`phrase ${i}: ${strength} at ${at}, not ${phrases[i].envelope[at]}`);
    });
  });
  return said.reduce((sum, { samples }) => sum + samples.length, 0) / rate;
}
