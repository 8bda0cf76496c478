// How strong a new password is, while it is typed. Nothing is sent: the same rules as accounts/password_policy.py, which
// has the last word. What the server refuses is never shown as hard to guess: the bar is full only for what is longer
// than the common passwords, of which all the long ones stand here.
"use strict";

(() => {
const LONG = new Set(`
  1111111111zz 123123qweqwe 123321qweewq 1234567890qw 1234567890qwe 1234567890zzz 123456789abc 123456789qaz
  123456789qqq 123456789qwe 123456789qwerty 123456789zxc 123456qwerty 1234qwerasdf 123qwe456rty 123qweasdzxc
  12qw34er56ty 1q2w3e4r5t6y 1qa2ws3ed4rf 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc 1qazxsw23edcvfr4
  23176djivanfros 32615948worms 41d8cd98f00b 4815162342lost 89231243658s administrator an83546921an13 andrewjackie
  avrillavigne boy4u2ownnyc businessbabe contortionist correcthorsebatterystaple counterstrike digitalprodu
  dkflbvbhjdbx dkflbvbhjdyf finalfantasy fkmnthyfnbdf fktrcfylhjdbx fktrcfylhjdyf flvbybcnhfnjh fucktheworld
  fuckyoubitch gfhjkmgfhjkm ghbdtnghbdtn ghbdtnrfrltkf ghjcnjgfhjkm ghjcnjghjcnj ghjcnjrdfibyj gjkysqgbpltw
  hd764nw5d7e1vb1 hedimaptfcor homeassistant ingodwetrust installdevic iseedeadpeople justinbieber leavemealone
  letmeinplease massimiliano masterbaiting masterbating masturbation maurolarastefy mevefalkcakk momsanaladventure
  needforspeed nemvxyheqdd5oqxyxyzi networkingpe olcrackmaster p030710p$e4o passwordpassword peanutbutter
  polniypizdec0211 polniypizdec110211 pornographic ptybnxtvgbjy q1w2e3r4t5y6u7 q1w2e3r4t5y6u7i8 qawsedrftgyh
  qazwsxedcrfv qazwsxedcrfvtgb qazxswedcvfr qwerasdfzxcv qwertyasdfgh qwertyytrewq residentevil sojdlg123aljg
  sonyericsson stratocaster temppassword ticketmaster vanyarespekt vfvfvskfhfve websolutions whosyourdaddy
  yourpassword zqjphsyf6ctifgu
`.split(/\s+/));
const FIRST = new Set(`
  password dragon baseball abc123 football monkey letmein shadow master mustang superman 1qaz2wsx qazwsx jordan
  123qwe killer trustno1 hunter harley buster batman soccer tigger charlie sunshine iloveyou ranger hockey
  computer starwars pepper klaster freedom princess maggie ginger cheese summer chelsea dallas biteme matrix
  yankees corvette austin access thunder merlin secret diamond hammer 1234qwer silver gfhjkm internet samantha
  golfer scooter orange cookie q1w2e3r4t5 maverick sparky phoenix mickey bigdog snoopy guitar whatever chicken
  camaro mercedes peanut ferrari falcon cowboy welcome samsung steelers smokey dakota arsenal boomer eagles tigers
  marina nascar gateway yellow porsche monster spider diablo hannah bulldog junior london purple compaq lakers
  iceman qwer1234 hardcore cowboys banana ncc1701 boston tennis q1w2e3r4 coffee scooby nikita yamaha mother barney
  brandy chester oliver player forever rangers midnight chicago redsox badboy fender jasper slayer rabbit natasha
  marine wizard marlboro raiders prince casper fishing flower jasmine adidas winter winner gandalf ghbdtn 1q2w3e4r
  golden cocacola winston madison angels panther spanky sophie thx1138 toyota canada 12344321 muffin liverpoo
  apples qwerty123 abcd1234 pokemon 123abc slipknot qazxsw 123456a scorpion qwaszx butter startrek rainbow newyork
  redskins gemini cameron qazwsxedc florida liverpool turtle sierra viking booger butthead doctor rocket dolphins
  captain bandit jaguar packers pookie peaches dolphin helpme theman maxwell lovers maddog giants nirvana metallic
  hotdog rosebud mountain warrior stupid elephant success bond007 jackass alexis scorpio samson q1w2e3 rush2112
  driver freddy 1q2w3e4r5t sydney gators dexter red123 123456q 12345a creative voodoo trouble america nissan
  gunner garfield apollo 1qazxsw2 eminem legend airborne beavis brooklyn godzilla skippy 4815162342 kitten shelby
  beaver phantom xavier braves darkness blink182 copper platinum tomcat 01012011
`.split(/\s+/));
const ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "1234567890"];
const STAND_INS = { "@": "a", 4: "a", 3: "e", 1: "i", "!": "i", 0: "o", 5: "s", $: "s", 7: "t" };
const RULES = {
  upper: /[A-Z]/,
  lower: /[a-z]/,
  number: /[0-9]/,
  symbol: /[\^$*.[\]{}()?"!@#%&/\\,><':;|_~`=+ -]/, // a space inside counts: those at the ends are gone by then
};
const ENOUGH = 12; // characters, less what is commonly put after a word
const LONGEST = 256;
const REST = 700; // milliseconds without a key after which the words are read out

const plainOf = (text) => text.normalize("NFKC").toLowerCase().replaceAll("\u00df", "ss");
const backwards = (text) => [...text].reverse().join("");
const stemOf = (text) => text.replace(/[!.?@#$*0-9]+$/, "");
const letters = (text) => text.replace(/[@4310!5$7]/g, (character) => STAND_INS[character]);

function isCommon(plain) {
  const stems = [plain, stemOf(plain), letters(plain), letters(stemOf(plain)), stemOf(letters(plain))];
  return stems.some((stem) => FIRST.has(stem) || LONG.has(stem));
}

function isPattern(plain) {
  const characters = [...plain];
  const size = characters.length;
  for (const unit of [1, 2, 3, 4]) {
    if (size >= 2 * unit && characters.every((character, at) => character === characters[at % unit])) return true;
  }
  const steps = new Set(characters.slice(1).map((character, at) => character.codePointAt() - characters[at].codePointAt()));
  if (steps.size === 1 && (steps.has(1) || steps.has(-1))) return true;
  return size > 2 && ROWS.some((row) => row.includes(plain) || backwards(row).includes(plain));
}

function isMadeOf(plain, given) {
  const words = new Set();
  for (const text of given.map(plainOf)) {
    for (const word of [text, ...text.split("@"), ...text.split(/[@.\-_\s]+/)]) {
      if ([...word].length >= 4) words.add(word);
    }
  }
  let rest = plain;
  for (const word of [...words].sort((one, other) => other.length - one.length)) {
    rest = rest.replaceAll(word, "").replaceAll(backwards(word), "");
  }
  return [...rest].length < 4 || [...words].some((word) => word.includes(plain));
}

// Characters that are neither the third of a run (abc, 321, aaa) nor the last of three that stood there before.
function countNew(text) {
  const characters = [...text];
  const seen = new Set();
  return characters.filter((character, at) => {
    if (at < 2) return true;
    const three = characters.slice(at - 2, at + 1);
    const [first, second, third] = three.map((one) => one.codePointAt());
    const again = seen.has(three.join("")) || (third - second === second - first && Math.abs(third - second) <= 1);
    seen.add(three.join(""));
    return !again;
  }).length;
}

// Which of the texts says it, and how many of the three parts of the bar are lit.
function judge(typed, shortest, rules, words) {
  const text = typed.normalize("NFKC");
  const plain = plainOf(text);
  const size = [...text].length;
  if (size > LONGEST) return ["long", 1];
  if (size >= 4 && (isCommon(plain) || isPattern(plain))) return ["common", 1];
  if (size >= 4 && isMadeOf(plain, words)) return ["own", 1];
  if (size < shortest) return ["short", 1];
  if (!rules.every((rule) => RULES[rule].test(text.trim()))) return ["rule", 1];
  const stem = letters(stemOf(plain));
  const kinds = [/\p{L}/u, /[0-9]/, /[^\p{L}0-9]/u].filter((kind) => kind.test(stem)).length;
  const enough = countNew(stem) >= ENOUGH || (countNew(plain) >= ENOUGH && kinds === 3);
  return enough ? ["good", 3] : ["fair", 2];
}

for (const meter of document.querySelectorAll("[data-strength-of]")) {
  const field = document.getElementById(meter.dataset.strengthOf);
  const words = meter.querySelector("p");
  let waiting = 0;
  meter.hidden = false;
  const show = () => {
    clearTimeout(waiting);
    if (field.value === "") {
      meter.dataset.level = 0;
      words.textContent = "";
      return;
    }
    const others = [...field.form.elements]
      .filter((other) => ["email", "username"].includes(other.name) && other.value)
      .map((other) => other.value.trim());
    const own = meter.dataset.words.split("\n").filter(Boolean).concat(others);
    const rules = meter.dataset.rules.split(" ").filter(Boolean);
    const [text, level] = judge(field.value, Number(meter.dataset.shortest), rules, own);
    meter.dataset.level = level;
    waiting = setTimeout(() => {
      if (words.textContent !== meter.dataset[text]) words.textContent = meter.dataset[text];
    }, REST);
  };
  field.form.addEventListener("input", show);
  window.addEventListener("pageshow", show);
}
})();
