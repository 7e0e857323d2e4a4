-- Nexmark q22 and q21.
SPLIT_INDEX('https://www.nexmark.com/a/b/item.htm?query=1', '/', 3) => a STRING
SPLIT_INDEX('https://www.nexmark.com/a/b/item.htm?query=1', '/', 5) => item.htm?query=1
REGEXP_EXTRACT('https://www.nexmark.com/x.htm?query=1&channel_id=117', '(&|^)channel_id=([^&]*)', 2) => 117 STRING
lower('Apple') => apple
SPLIT_INDEX('a,b,c', ',', 0) => a
SPLIT_INDEX('a,b,c', ',', 3) => NULL
SPLIT_INDEX('a,b,c', ',', -1) => NULL
SPLIT_INDEX('a,,c', ',', 1) =>  STRING
SPLIT_INDEX('', ',', 0) => NULL
SPLIT_INDEX('ab12cd12e', '12', 2) => e
SPLIT_INDEX('a,b', 44, 1) => b
SPLIT_INDEX('a,b', 300, 0) => NULL
SPLIT_INDEX(NULL, ',', 0) => NULL
SPLIT_INDEX('a,b', NULL, 0) => NULL
SPLIT_INDEX('a,b') => error: SPLIT_INDEX(STRING) does not fit
SPLIT_INDEX('a,b') => error: write SPLIT_INDEX(STRING, STRING, INT) or SPLIT_INDEX(STRING, INT, INT)
SPLIT_INDEX(1, ',', 0) => error: does not fit
CONCAT('a', 'b', 'c') => abc STRING
CONCAT('a', NULL, 'c') => NULL
CONCAT('a') => a
CONCAT_WS('~', 'a', NULL, 'c') => a~c
CONCAT_WS('~', 'a', '', 'c') => a~~c
CONCAT_WS(CAST(NULL AS STRING), 'a', 'b') => NULL
'a' || NULL => NULL
TO_BASE64('hello world') => aGVsbG8gd29ybGQ=
FROM_BASE64('aGVsbG8gd29ybGQ=') => hello world
FROM_BASE64('?') => NULL
MD5('a') => 0cc175b9c0f1b6a831c399e269772661
SHA256('a') => ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
SHA224('') => d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f
SHA2('a', 256) => ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
SHA2('a', 1) => NULL
HEX(20) => 14
HEX(255) => FF
HEX('hello,world') => 68656C6C6F2C776F726C64
BIN(4) => 100
LPAD('hi', 4, '??') => ??hi
LPAD('hi', 1, '??') => h
LPAD('hi', 5, 'äx') => äxähi
LPAD('hi', -1, '?') => NULL
LPAD('hi', 4, '') => NULL
RPAD('hi', 4, '??') => hi??
RPAD('hi', 0, '?') =>  STRING
PARSE_URL('http://user:pw@facebook.com:80/path/p1.php?query=1&k=v#Ref1', 'HOST') => facebook.com
PARSE_URL('http://facebook.com/path/p1.php?query=1', 'QUERY') => query=1
PARSE_URL('http://facebook.com/path/p1.php?query=1&k=v', 'QUERY', 'k') => v
PARSE_URL('http://facebook.com/path/p1.php?query=1&k=v', 'QUERY', 'x') => NULL
PARSE_URL('http://facebook.com/path/p1.php?query=1&k=v', 'HOST', 'k') => NULL
PARSE_URL('http://user:pw@facebook.com:80/a', 'AUTHORITY') => user:pw@facebook.com:80
PARSE_URL('http://user:pw@facebook.com:80/a', 'USERINFO') => user:pw
PARSE_URL('http://facebook.com/path/p1.php?query=1#Ref1', 'REF') => Ref1
PARSE_URL('http://facebook.com/path/p1.php?query=1#Ref1', 'FILE') => /path/p1.php?query=1
PARSE_URL('http://facebook.com/path/p1.php?query=1#Ref1', 'PATH') => /path/p1.php
PARSE_URL('HTTPS://x', 'PROTOCOL') => https
PARSE_URL('http://facebook.com', 'QUERY') => NULL
PARSE_URL('no url', 'HOST') => NULL
PARSE_URL('http://x', 'NOTHING') => NULL
URL_ENCODE('a b&c=ä') => a+b%26c%3D%C3%A4
URL_DECODE('a+b%26c%3D%C3%A4&d') => a b&c=ä&d
LOCATE('b', 'abab') => 2 INT
LOCATE('b', 'abab', 3) => 4
LOCATE('x', 'abab') => 0
LOCATE('a', 'äa') => 2
LOCATE('a', NULL) => NULL
INSTR('abab', 'b') => 2 INT
POSITION('b' IN 'abab') => 2
CHAR_LENGTH('äb') => 2 INT
CHARACTER_LENGTH('äb') => 2
UPPER('a') => A
INITCAP('hello world') => Hello World
REVERSE('abc') => cba
REPLACE('abab', 'b', 'xy') => axyaxy
REPEAT('ab', 2) => abab
TRIM(BOTH 'x' FROM 'xax') => a
LTRIM('  a ') || '|' => a |
ASCII('a') => 97
REGEXP('foobar', 'o+b') => true BOOLEAN
REGEXP('foobar', '') => false
REGEXP('foobar', NULL) => NULL
REGEXP('foobar', '(') => error: `(` is no regular expression: unclosed group
REGEXP('foobar', '(?=a)') => error: look-around and backreferences of Java are not supported
REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2) => bar
REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)') => foothebar
REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 3) => NULL
REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', -1) => NULL
REGEXP_EXTRACT('a', 'b', 0) => NULL
REGEXP_EXTRACT('a', '(b)?a', 1) => NULL
REGEXP_REPLACE('foobar', 'oo|ar', '') => fb
REGEXP_REPLACE('foobar', '(o)', '$1$1') => f$1$1$1$1bar
REGEXP_REPLACE('foobar', 'o', NULL) => NULL
'abc' LIKE 'a%' => true
IS_ALPHA('abä') => true BOOLEAN
IS_ALPHA('ab1') => false
IS_ALPHA('') => false
IS_DIGIT('123') => true
IS_DIGIT('12.3') => false
IS_DECIMAL('-12.3e4') => true
IS_DECIMAL('x') => false
IS_DECIMAL('inf') => false
TRANSLATE('abc', 'ab', 'x') => xc
TRANSLATE('abcd', 'ac', 'xy') => xbyd
BTRIM('  a ') => a
BTRIM('xay', 'xy') => a
LTRIM('xxa', 'x') => a
RTRIM('axx', 'x') => a
TRIM('  a ') => a
TRIM(LEADING 'x' FROM 'xax') => ax
TRIM(TRAILING 'x' FROM 'xax') => xa
REPEAT('ab', -1) =>  STRING
REPLACE('ababab', 'abab', 'z') => zab
STARTSWITH('a', '') => true
ENDSWITH('abc', 'bc') => true
STARTSWITH(NULL, 'a') => NULL
REGEXP_REPLACE('äab', 'a', 'ö') => äöb
