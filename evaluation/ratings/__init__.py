"""Texts judged by experts who do not know which system wrote them: the sheet they fill in, and what they agree on."""
