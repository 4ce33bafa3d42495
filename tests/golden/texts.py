"""Fifty texts of many kinds, for which the packaged model's vectors are kept."""

from __future__ import annotations

_LONG = (
    "The night ferry leaves the northern pier at ten past eleven and passes four islands before it is light. On the "
    "first nobody lives but a keeper of goats; the second has a school with six children; the third is a quarry of "
    "grey stone; and the fourth, which the crew call the last stop, has a bakery that opens when the whistle blows. "
)

TEXTS: tuple[str, ...] = (
    "a",
    "?",
    "",
    "42",
    "The kettle is whistling.",
    "how do I reset my password",
    "My parcel was delivered to the wrong floor, and the neighbour has gone on holiday.",
    "Refunds are paid to the card that was charged, within five working days.",
    "boil the potatoes in salted water until a knife goes in without force",
    "Whisk the egg whites first; a trace of fat in the bowl and they will not stand.",
    "The mitral valve lies between the left atrium and the left ventricle.",
    "Patients on warfarin should have their INR checked weekly at first.",
    "headache, stiff neck and light hurts the eyes",
    "The tenant shall give notice in writing at least three months before leaving.",
    "This clause survives the end of the contract.",
    "Who pays for the lift when only the upper floors use it?",
    "A black hole of ten solar masses has a horizon about thirty kilometres in radius.",
    "Water expands as it freezes, which is why pipes burst.",
    "entropy never decreases in an isolated system",
    "The integral of 1/x from 1 to e is 1.",
    "Let G be a finite group and p a prime that divides its order.",
    "inflation rose to 3.4 % in March, from 2.9 % in February",
    "The central bank left its rate where it was and the bond market yawned.",
    "She sold the shares before the dividend and regretted it after.",
    "The striker was offside by the width of a bootlace.",
    "Castle early, and do not bring the queen out before the knights.",
    "tune the lowest string down a whole tone to D",
    "The fugue enters in the tenor, then the alto, and last in the bass.",
    "def mean(values):\n    return sum(values) / len(values)",
    "SELECT city, COUNT(*) FROM orders WHERE paid = TRUE GROUP BY city HAVING COUNT(*) > 10;",
    "for (int i = 0; i < n; ++i) { total += price[i] * quantity[i]; }",
    "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
    "git rebase --onto main feature~3 feature",
    '{"id": 17, "tags": ["red", "large"], "price": null}',
    "https://example.org/shop/item?id=17&colour=red",
    "ERROR 2024-02-29T23:59:59Z disk sda1 is full (0 bytes left)",
    "Die Bahn kommt heute zwanzig Minuten später, sagt die Anzeige am Gleis.",
    "Wie lange ist die Garantie auf den Akku?",
    "Le musée est fermé le mardi, sauf pendant les vacances.",
    "¿Dónde puedo dejar las llaves si llego después de medianoche?",
    "A chuva parou, mas a rua continua cheia de água.",
    "Il treno per la costa parte dal binario tre.",
    "Поезд прибывает на второй путь через пять минут.",
    "会議は午後三時からに変わりました。",
    "这家餐馆的面条很好吃。",
    "الطقس جميل اليوم في المدينة",
    "🙂 thanks!!! that was QUICK 👍👍",
    "ALL CAPITALS AND NO STOPS WHATSOEVER BUT A GREAT DEAL OF URGENCY",
    "word " * 30,
    _LONG * 12,
)
