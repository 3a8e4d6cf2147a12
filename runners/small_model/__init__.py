"""A small vision-language model of published weights that ordinary Python packages carry; see build.py."""
