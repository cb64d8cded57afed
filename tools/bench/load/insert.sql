\set key random(0, 99999)
INSERT INTO bench (key, value) VALUES (:key, '@value@')
