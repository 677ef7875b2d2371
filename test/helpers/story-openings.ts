/** Fifteen openings beside those of story-prompts.txt, for comparisons that want more than five. */
export const storyOpenings: readonly string[] = [
  'There was a little cat who loved to',
  'Sam and his mom went to the store to',
  'In a small house near the forest lived',
  'Sue had a new toy. It was a',
  'It was raining and the children had to',
  'The little bird was sad because',
  'Mia found a shiny stone. She',
  'Every day, Max ran to the park and',
  'A big bear and a small rabbit were',
  'Dad made a cake for',
  'Anna wanted to fly like',
  'The sun was hot, so Tom and Lucy',
  'One night, a girl heard a loud noise. She',
  'The farmer had a cow, a pig and',
  'Ben lost his ball. He looked',
];
