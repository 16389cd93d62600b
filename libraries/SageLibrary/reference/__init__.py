"""What a tester can say: the list of all words, its search, and the pages made of it."""
