// What a plugin may learn of a password.

/** The contract's `password-metrics`. */
export function measured(password) {
  const characters = [...password];
  const count = (pattern) => characters.filter((it) => pattern.test(it)).length;
  return {
    length: characters.length,
    digits: count(/[0-9]/),
    lowerCase: count(/[a-z]/),
    upperCase: count(/[A-Z]/),
    symbols: count(/[ -/:-@[-`{-~]/),
    others: count(/[^ -~]/),
    longestSequence: longestRun(characters, (step, before) => before === undefined || step === before),
    longestRepeat: longestRun(characters, (step) => step === 0),
    distinct: new Set(characters).size,
  };
}

/** The length of the longest run whose steps continue it, as Android measures steps. */
function longestRun(characters, continues) {
  let longest = Math.min(characters.length, 1);
  let run = 1;
  let before;
  for (let index = 1; index < characters.length; index += 1) {
    const step = stepBetween(characters[index - 1], characters[index]);
    if (step === undefined) {
      run = 1;
    } else if (continues(step, before)) {
      run += 1;
    } else {
      run = continues(step, undefined) ? 2 : 1;
    }
    before = step;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** The step between neighbours of one class: up to 10 for digits, 1 for letters, 0 for all else. */
function stepBetween(one, next) {
  const classes = [[/[0-9]/, 10], [/[a-z]/, 1], [/[A-Z]/, 1], [/[^]/u, 0]];
  const classOf = (it) => classes.find(([pattern]) => pattern.test(it));
  const step = next.codePointAt(0) - one.codePointAt(0);
  const isOneClass = classOf(one) === classOf(next);
  return isOneClass && Math.abs(step) <= classOf(one)[1] ? step : undefined;
}
